-- private.index_durations: complete_index writes it.

revoke all on table private.index_durations from public, anon, authenticated, service_role;
grant select, insert, delete on table private.index_durations to job_writer;
