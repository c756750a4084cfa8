-- predict_seconds(p_seconds, p_share) -> double precision
--
-- An upper bound that the next duration stays below with probability p_share, from earlier ones in
-- any order: the p_share (n + 1)-th of n, interpolated. Beyond the longest it is extrapolated by
-- the mean distance between two. Null if there are none.
--
-- Callers: job_writer: estimate_index_job.

create or replace function private.predict_seconds(
  p_seconds double precision[], p_share double precision
)
returns double precision
language sql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
  select case
    when k.place <= 1 then k.sorted[1]
    when k.place >= k.n
      then k.sorted[k.n] + (k.place - k.n) * (k.sorted[k.n] - k.sorted[1]) / greatest(k.n - 1, 1)
    else k.sorted[floor(k.place)::integer] + (k.place - floor(k.place))
      * (k.sorted[floor(k.place)::integer + 1] - k.sorted[floor(k.place)::integer])
  end
  from (
    select array_agg(s order by s) as sorted, count(*)::integer as n,
      p_share * (count(*) + 1) as place
    from unnest(p_seconds) as s) as k;
$$;

comment on function private.predict_seconds(double precision[], double precision) is
  'Returns a quantile for the next duration, from earlier ones.';

revoke all on function private.predict_seconds(double precision[], double precision)
  from public, anon, authenticated, service_role;
grant execute on function private.predict_seconds(double precision[], double precision)
  to job_writer;
