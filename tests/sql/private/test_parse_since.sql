begin;
select plan(3);

select results_eq(
  $$ select private.parse_since(t) from unnest(array['2026-01-31T12:00:00Z',
       '2026-01-31t12:00:00.25z', '2026-01-31 12:00+01', '2026-01-31T12:00:00-0530',
       '2026-01-31T12:00:00+23:59', '2026-01-31T12:00:00-16:00', '0001-01-01T00:00:00Z'])
       with ordinality as t (t, n) order by n $$,
  $$ values (timestamptz '2026-01-31 12:00+00'), ('2026-01-31 12:00:00.25+00'),
       ('2026-01-31 11:00+00'), ('2026-01-31 17:30+00'), ('2026-01-30 12:01+00'),
       ('2026-02-01 04:00+00'), ('0001-01-01 00:00+00') $$,
  'a time with zone is accepted with any offset');
select set_eq(
  $$ select tests.refusal(format('select private.parse_since(%L)', t)) from unnest(array['', 'now',
       'infinity', 'yesterday', '2026-01-01', '2026-01-01T00:00:00', '2026-02-30T00:00:00Z',
       '2026-01-01T24:00:00Z', '2026-01-01T00:00:60Z', '2026-01-01T00:00:00+24:00',
       '0000-01-01T00:00:00Z', '0001-01-01T00:00:00+23:59', '9999-12-31T23:59:59-00:01',
       '2026-01-01T00:00:00Z x', E'2026-01-01T00:00:00Z\n']) as t $$,
  array['PT422 invalid_since since'], 'anything else is rejected');
select is(private.parse_since(null), null, 'null gives null');

select * from finish();
rollback;
