begin;
select plan(3);

select tests.arrange_cast();
insert into indexed_files (repository_id, path, bytes, blob_sha) values
  (tests.alice_repository(), 'a.py', 1, 'x'),
  (tests.alice_repository(), 'b.py', 1, 'x'),
  (tests.acme_repository(), 'c.py', 1, 'x');
insert into symbols (repository_id, file_id, name, kind, start_line, end_line)
select f.repository_id, f.id, 'of_' || f.path, 'function', 1, 2 from indexed_files as f;
delete from indexed_files as f where f.path = 'a.py';
select set_eq(
  'select s.name from symbols as s', array['of_b.py', 'of_c.py'],
  'symbols are deleted with their file');
delete from repositories as r where r.id = tests.alice_repository();
select set_eq(
  'select s.name from symbols as s', array['of_c.py'], 'symbols are deleted with the repository');
delete from auth.users where id = tests.bob();
delete from organizations;
select is_empty('select s.name from symbols as s', 'symbols are deleted with the owner');

select * from finish();
rollback;
