begin;
select plan(5);

select tests.act_as_http();
select matches(api_schema_version(), '^[0-9]{14}$', 'the HTTP layer can ask for the version');
select tests.act_as_admin();
comment on schema private is 'schema version 20990101000000';
select tests.act_as_worker();
select is(api_schema_version(), '20990101000000', 'it is what the newest migration has left');
select tests.act_as_admin();
comment on schema private is null;
select tests.act_as_http();
select is(api_schema_version(), null, 'without a migration there is none');

select tests.act_as(tests.alice());
select is(tests.refusal('select api_schema_version()'), '42501', 'users may not ask');
select tests.act_as_anon();
select is(tests.refusal('select api_schema_version()'), '42501', 'nor may anon');

select * from finish();
rollback;
