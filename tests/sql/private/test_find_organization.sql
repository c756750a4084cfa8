begin;
select plan(4);

select tests.arrange_cast();

select is(private.find_organization('acme'), tests.acme(), 'by its slug');
select is(private.find_organization(tests.acme()::text), tests.acme(), 'by its id');
select is(
  tests.refusal($$ select private.find_organization('nobody') $$),
  'PT422 unknown_organization organization', 'an unknown one is refused');
select is(
  tests.refusal('select private.find_organization(null)'),
  'PT422 unknown_organization organization', 'and none');

select * from finish();
rollback;
