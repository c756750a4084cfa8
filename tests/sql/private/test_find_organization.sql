begin;
select plan(5);

select tests.arrange_cast();

select is(private.find_organization('acme'), tests.acme(), 'an organization is found by slug');
select is(private.find_organization(tests.acme()::text), tests.acme(),
  'an organization is found by id');
select is(
  tests.refusal($$ select private.find_organization('nobody') $$),
  'PT422 unknown_organization organization', 'an unknown organization is rejected');
select is(
  tests.refusal('select private.find_organization(null)'),
  'PT422 unknown_organization organization', 'null is rejected');

select is_empty(
  $$ select o from unnest(array['', 'a b', 'a/b', 'a_b', 'ä', E'a\n', repeat('a', 64)]) as o
     where tests.refusal(format('select private.find_organization(%L)', o))
       <> 'PT422 invalid_organization organization' $$,
  'a value that is neither slug nor id is named in the error');

select * from finish();
rollback;
