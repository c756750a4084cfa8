begin;
select plan(9);

select tests.act_as_http();
select matches(version, '^[0-9]{14}$', 'the HTTP layer can read the version')
from api_schema_version();
select matches(serves, '^[0-9]{14}$',
  'the HTTP layer can read the oldest code that the schema serves')
from api_schema_version();
select tests.act_as_admin();
comment on schema private is
  'schema version 20990101000000, text 0123456789ab, serves 20980101000000';
select tests.act_as_worker();
select results_eq(
  'select * from api_schema_version()',
  $$ values ('20990101000000', '20980101000000', true) $$,
  'both come from the newest migration, in a writable database');
select tests.act_as_admin();
comment on schema private is 'schema version 20261125044947';
select tests.act_as_http();
select results_eq(
  'select version, serves from api_schema_version()',
  $$ values ('20261125044947', null::text) $$,
  'a schema from before 0.1.0 does not state what it serves');
select tests.act_as_admin();
comment on schema private is null;
select tests.act_as_http();
select results_eq(
  'select version, serves from api_schema_version()',
  'select null::text, null::text',
  'without migrations there is no version');

select tests.act_as(tests.alice());
select is(tests.refusal('select api_schema_version()'), '42501', 'users may not call it');
select tests.act_as_anon();
select is(tests.refusal('select api_schema_version()'), '42501', 'anon may not call it');

select tests.act_as_http();
set local default_transaction_read_only = on;
select is(is_writable, false, 'sessions that start read-only cannot write')
from api_schema_version();
set local default_transaction_read_only = off;
create temporary table before on commit drop as select 1 as one;
set local transaction_read_only = on;
select is(is_writable, false, 'a read-only transaction cannot write')
from api_schema_version();

select * from finish();
rollback;
