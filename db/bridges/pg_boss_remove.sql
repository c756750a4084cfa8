-- Removes the bridge to pg-boss: index-jobs bridge remove pg-boss. The queue and its rows stay.

do $$
begin
  if to_regclass('pgboss.job') is not null then
    drop trigger if exists index_jobs_mirror_pg_boss_job on pgboss.job;
  end if;
end;
$$;
drop trigger if exists index_jobs_delete_pg_boss_job on public.index_jobs;
drop trigger if exists index_jobs_end_pg_boss_job on public.index_jobs;
drop trigger if exists index_jobs_create_pg_boss_job on public.index_jobs;
drop function if exists public.reconcile_queue_jobs();
drop function if exists private.mend_pg_boss_job(text, uuid, boolean, integer, jsonb, uuid);
drop function if exists private.mirror_pg_boss_job();
drop function if exists private.end_pg_boss_job();
drop function if exists private.create_pg_boss_job();
drop function if exists private.follow_pg_boss_job(uuid, text, integer, jsonb, timestamptz);
drop function if exists private.enqueue_pg_boss_job(uuid, jsonb, uuid, integer);

grant job_writer to current_user;
revoke execute on function
  private.mirror_queue_state(uuid, text, integer, text, jsonb, timestamptz),
  private.list_queue_jobs(uuid[]),
  public.link_queue_job(uuid, uuid) from current_user;
revoke job_writer from current_user;
notify pgrst, 'reload schema';
