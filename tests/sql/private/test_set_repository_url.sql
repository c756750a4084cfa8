begin;
select plan(4);

select tests.arrange_cast();
select tests.arrange_job('job', 'processing');
-- rows outlive their jobs, which may have been purged
set local session_replication_role = replica;
insert into indexed_commits (repository_id, job_id, commit_sha, extractor, stats)
select r.id, tests.indexed_by(), repeat('c', 40), 'tests', '{"files_indexed": 0}'
from repositories as r;
set local session_replication_role = origin;
create function pg_temp.set_url(p_url text) returns uuid language plpgsql as $$
begin
  perform tests.act_as(tests.alice());
  perform private.set_repository_url(tests.alice_repository(), p_url);
  perform tests.act_as_worker();
  return (select b.base_job_id from public.begin_index(tests.id('job'), 1, 'tests') as b);
end;
$$;

select is(
  pg_temp.set_url('https://Example.com/alice/app'), tests.indexed_by(),
  'an index of the same repository in another spelling is the base of the next one');
select is(
  pg_temp.set_url('https://example.com/other'), null, 'an index of another repository is not');
select tests.act_as_admin();
select results_eq(
  $$ select c.extractor from indexed_commits as c order by c.repository_id $$,
  array['', 'tests'], 'nothing else is deleted');

select lives_ok('set constraints all immediate', 'the check at COMMIT needs no job');

select * from finish();
rollback;
