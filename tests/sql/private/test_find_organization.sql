begin;
select plan(5);

select tests.arrange_cast();

select is(private.find_organization('acme'), tests.acme(), 'by its slug');
select is(private.find_organization(tests.acme()::text), tests.acme(), 'by its id');
select is(
  tests.refusal($$ select private.find_organization('nobody') $$),
  'PT422 unknown_organization organization', 'an unknown one is refused');
select is(
  tests.refusal('select private.find_organization(null)'),
  'PT422 unknown_organization organization', 'and none');

select is_empty(
  $$ select o from unnest(array['', 'a b', 'a/b', 'a_b', 'ä', E'a\n', repeat('a', 64)]) as o
     where tests.refusal(format('select private.find_organization(%L)', o))
       <> 'PT422 invalid_organization organization' $$,
  'what is neither a slug nor an id is named as that');

select * from finish();
rollback;
