begin;
select plan(12);

select is(private.clean_error('it broke'), 'it broke', 'an ordinary error does not change');
select is(
  private.clean_error('fatal: https://bob:secret@example.com/a.git and ssh://x@host/b failed'),
  'fatal: https://***@example.com/a.git and ssh://***@host/b failed',
  'user and password are redacted in every URL');
select is(
  private.clean_error('https://bob:p@ss@example.com/a'), 'https://***@example.com/a',
  'a password with an @ is redacted completely');
select is(
  private.clean_error('https://example.com/a@b.c and me@example.com'),
  'https://example.com/a@b.c and me@example.com', 'text that is not a password is kept');
select is(
  private.clean_error('https://bob:s/e/c@example.com/a and https:///bob:secret@example.com failed'),
  'https://***@example.com/a and https://***@example.com failed',
  'a password with slashes or after a third slash is redacted completely');
select is_empty(
  $$ select e.error from unnest(array['?token=', '?a=b&access_token=', '?private_token=',
       '#access_token=', '?X-Amz-Signature=', '?client_secret=', '?password=', '?apiKey=',
       '?api_key=']) as q (query)
     cross join private.clean_error(format(
       'GET https://example.com/a%ss3cr3t&x=1 and "https://example.com/%1$ss3cr3t": 404', q.query))
       as e (error)
     where e.error <> format(
       'GET https://example.com/a%s***&x=1 and "https://example.com/%1$s***": 404', q.query) $$,
  'tokens, secrets, passwords, keys and signatures in a query are redacted');
select is(
  private.clean_error('https://example.com/a?page=2&per_page=9#l1 no such token=x'),
  'https://example.com/a?page=2&per_page=9#l1 no such token=x', 'the rest of a query is kept');
select is(
  private.clean_error(repeat('x', 2000)), repeat('x', 2000), '2,000 characters are kept');
select is(
  private.clean_error(repeat('é', 2001)), repeat('é', 1980) || ' … (cut, 2001)',
  'a longer error is truncated and states its length');
select cmp_ok(
  length(private.clean_error(repeat('x', 9999999))), '<=', 2000,
  'a truncated error has at most 2,000 characters');
select is(
  private.clean_error(repeat('x', 1963) || ' https://bob:secret@example.com/' || repeat('y', 99)),
  repeat('x', 1963) || ' https://***@exam … (cut, 2087)',
  'a password is redacted before the text is truncated');

select is(
  private.clean_error(E'a\x1b[2J\u009b1m\x07\x7f\tb\r\nc'),
  E'a\ufffd[2J\ufffd1m\ufffd\ufffd\tb\r\nc',
  'control characters are removed; tabs and line breaks stay');

select * from finish();
rollback;
