-- Creates a login per part, with the password from its environment variable. Safe to repeat.
\getenv api_password API_PASSWORD
\getenv worker_password WORKER_PASSWORD
select format('create role %I login', name)
from (values ('app_api'), ('app_worker')) as l (name)
where not exists (select from pg_roles as r where r.rolname = l.name) \gexec
alter role app_api password :'api_password';
alter role app_worker password :'worker_password';
grant job_http to app_api;
grant job_worker to app_worker;
select format('grant connect on database %I to app_api, app_worker', current_database()) \gexec
