begin;
select plan(6);

select tests.arrange_cast();
select tests.act_as(tests.alice());

select set_eq(
  $$ select distinct tests.refusal(format('select ensure_repository(%L, %L)', name,
       'https://example.com/a.git'))
     from unnest(array[null, '', 'name', 'a/', '/a', 'a b/c', 'a/b?', 'é/a', E'a/b\nc',
       'a/..', './b', 'a/.', '-a/b', 'a/-b', 'a/' || repeat('b', 254)]) as n (name) $$,
  array['PT422 invalid_repository full_name'], 'a name has the form owner/name');
select set_eq(
  $$ select distinct tests.refusal(format('select ensure_repository(%L, %L)', name,
       'https://example.com/a.git'))
     from unnest(array['a/b', 'A-1_x./y', 'group/sub/name', 'a/..b', '_/.b', 'a/' || repeat('b', 253)])
       as n (name) $$,
  array['accepted'], 'letters, digits, dots, dashes and nested groups are valid in names');
select set_eq(
  $$ select distinct tests.refusal(format('select ensure_repository(%L, %L)', 'a/url', url))
     from unnest(array['', 'ftp://example.com/a', 'ext::sh -c id', 'relative/path',
       'file://host/a', 'https://', '-x', E'https://example.com/a\nb',
       'https://example.com/' || repeat('a', 2029)]) as u (url) $$,
  array['PT422 invalid_git_url git_url'], 'a URL is https or a local path');
select set_eq(
  $$ select distinct tests.refusal(format('select ensure_repository(%L, %L)', 'a/url', url))
     from unnest(array['https://bob:secret@example.com/a', 'https://bob@example.com/a',
       'http://:secret@example.com', 'https:///bob:secret@example.com/a',
       'https://example.com/a?access_token=secret']) as u (url) $$,
  array['PT422 invalid_git_url git_url'], 'a URL must not hold credentials');
select set_eq(
  $$ select distinct tests.refusal(format('select ensure_repository(%L, %L)', name, url))
     from (values ('a/1', 'https://example.com/a@b.git'), ('a/2', 'http://127.0.0.1:1/a'),
       ('a/3', 'file:///tmp/a'), ('a/4', '/tmp/a b'),
       ('a/5', 'https://example.com/' || repeat('a', 2028))) as u (name, url) $$,
  array['accepted'], 'all kinds of URLs and paths that git can clone are accepted');
select is(
  (select count(*)::integer from repositories as r where r.full_name = 'a/url'), 0,
  'rejected calls leave nothing');

select * from finish();
rollback;
