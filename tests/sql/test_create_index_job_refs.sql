begin;
select plan(2);

select tests.arrange_cast();
select tests.act_as(tests.alice());

select is(
  array(
    select to_hex(n)
    from unnest(array[
      128, 133, 159,  -- C1 controls; 133 is a line break
      1564, 8206, 8207, 8234, 8235, 8236, 8237, 8238, 8294, 8295, 8296, 8297,  -- bidi controls
      8232, 8233  -- line and paragraph separators
    ]) as n
    where 'PT422 invalid_ref ref' is distinct from tests.refusal(format(
      'select create_index_job(tests.alice_repository(), %L)', 'a' || chr(n) || 'b'))
  ),
  '{}'::text[], 'a ref has no characters that change how a line is displayed');
select is(
  (select j.ref from create_index_job(tests.alice_repository(), U&'\00e9/\4e2d\0661') as j),
  U&'\00e9/\4e2d\0661', 'a ref may use any script');

select * from finish();
rollback;
