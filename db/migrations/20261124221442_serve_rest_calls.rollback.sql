-- serve_rest_calls, undone

-- begin stamped part (python -m db.stamp again rewrites it)
grant job_writer, job_gateway, job_tenant to current_user;
grant create on schema public, private to job_writer, job_gateway, job_tenant;

-- stamp deleted: db/functions/api_call_function.sql
drop function public.api_call_function(jsonb, text, text, boolean, jsonb);
-- end stamp

-- stamp deleted: db/functions/private/rest_conditions.sql
drop function private.rest_conditions(text, jsonb);
-- end stamp

-- stamp deleted: db/functions/private/exposed_functions.sql
drop function private.exposed_functions(text);
-- end stamp

revoke create on schema public, private from job_writer, job_gateway, job_tenant;
revoke job_writer, job_gateway, job_tenant from current_user;
-- end stamped part

notify pgrst, 'reload schema';
comment on schema private is 'schema version 20261124043324';
