begin;
select plan(9);

select is(private.clean_error('it broke'), 'it broke', 'an error stays as it is');
select is(
  private.clean_error('fatal: https://bob:secret@example.com/a.git and ssh://x@host/b failed'),
  'fatal: https://***@example.com/a.git and ssh://***@host/b failed',
  'user and password in URLs are redacted, in each of them');
select is(
  private.clean_error('https://bob:p@ss@example.com/a'), 'https://***@example.com/a',
  'a password with an @ is redacted whole');
select is(
  private.clean_error('https://example.com/a@b.c and me@example.com'),
  'https://example.com/a@b.c and me@example.com', 'what is no password stays');
select is(
  private.clean_error(repeat('x', 2000)), repeat('x', 2000), '2,000 characters are kept');
select is(
  private.clean_error(repeat('é', 2001)), repeat('é', 1980) || ' … (cut, 2001)',
  'a longer error is cut and says how long it was');
select cmp_ok(
  length(private.clean_error(repeat('x', 9999999))), '<=', 2000,
  'a cut error is not longer than 2,000 characters');
select is(
  private.clean_error(repeat('x', 1963) || ' https://bob:secret@example.com/' || repeat('y', 99)),
  repeat('x', 1963) || ' https://***@exam … (cut, 2087)',
  'a password that the cut would part from its @ is redacted first');

select is(
  private.clean_error(E'a\x1b[2J\u009b1m\x07\x7f\tb\r\nc'),
  E'a\ufffd[2J\ufffd1m\ufffd\ufffd\tb\r\nc', 'no error commands a terminal; tabs and lines stay');

select * from finish();
rollback;
