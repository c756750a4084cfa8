begin;
select plan(12);

select tests.arrange_cast();
create temp table keys (api_key text);
grant select, insert on keys to public;
select tests.act_as(tests.alice());
insert into keys select k.api_key from create_api_key('k') as k;

create function pg_temp.refusal_of(
  p_repository text default 'alice/new', p_local_url text default null,
  p_organization text default null, p_ref text default null, p_commit_sha text default null,
  p_idempotency_key text default null
) returns text language sql as $$
  select concat_ws(' ', a.verdict, a.code, a.field)
    || case when a.message is null or a.hint is null then ' unexplained' else '' end
    || case when a.body is null then '' else ' with a body' end
  from api_create_index_job((select api_key from keys), null, p_repository,
    p_organization, p_ref, p_commit_sha, p_idempotency_key, p_local_url => p_local_url) as a;
$$;

select tests.act_as_http();
select is(
  pg_temp.refusal_of(p_repository => null), 'PT422 missing_repository repository',
  'a repository is required');
select is(
  pg_temp.refusal_of(p_repository => 'new'), 'PT422 invalid_repository repository',
  'an invalid name is an error of the field repository');
select is(
  pg_temp.refusal_of(p_local_url => 'https://example.com/a'),
  'PT422 invalid_local_path localPath', 'the URL of a folder is a file URL');
select is(
  pg_temp.refusal_of(p_repository => 'alice/app'), 'PT409 repository_url_differs repository',
  'another URL for an existing name is rejected');
select is(
  pg_temp.refusal_of(p_organization => 'acme'), 'PT422 unknown_organization organization',
  'a foreign organization is unknown');
select is(
  pg_temp.refusal_of(p_organization => 'nowhere'), 'PT422 unknown_organization organization',
  'an organization that does not exist gets the same response');
select is(
  pg_temp.refusal_of(p_organization => 'a/b'), 'PT422 invalid_organization organization',
  'a value that cannot be an organization is named');
select is(
  pg_temp.refusal_of(p_ref => 'a..b'), 'PT422 invalid_ref ref', 'an invalid ref is named');
select is(
  pg_temp.refusal_of(p_commit_sha => 'abc'), 'PT422 invalid_commit_sha commit_sha',
  'a short commit SHA is named');
select is(
  pg_temp.refusal_of(p_idempotency_key => 'a b'),
  'PT422 invalid_idempotency_key idempotency_key', 'an invalid idempotency key is named');

select is(
  (select a.rate_remaining from api_get_job_status((select api_key from keys), null, 'x') as a),
  89, 'every rejected call costs a request');
select tests.act_as_admin();
select is(
  (select count(*)::integer from repositories as r where r.full_name = 'alice/new'), 0,
  'rejected calls leave nothing else');

select * from finish();
rollback;
