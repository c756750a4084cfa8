"""Jobs with every outcome, and the metrics that their events imply."""

from __future__ import annotations

# Each job ends in one of seven ways, or is pending.
LIVES = """
do $$
declare
  v_ids uuid[] := array(select tests.job_for(tests.alice_repository())
    from generate_series(1, {jobs}));
  v_id uuid;
begin
  for n in 1 .. {jobs} loop
    v_id := v_ids[n];
    continue when n % 8 = 7;
    perform public.update_job_status(v_id, 'processing', p_worker_id => tests.worker(n % 8));
    case n % 8
      when 0 then perform public.update_job_status(v_id, 'completed', '{{}}', 1);
      when 1 then perform public.update_job_status(v_id, 'failed', '{{"error": "it broke"}}', 1);
      when 2 then perform public.update_job_status(v_id, 'cancelled', '{{}}', 1);
      when 3 then perform public.fail_job_attempt(v_id, 1, 'host is down');
      when 4 then perform public.report_job_progress(v_id, 1, p_lease => '0');
      when 5 then perform public.report_job_progress(v_id, 1, p_lease => '0.001 seconds');
      else perform public.fail_job_attempt(v_id, 1, 'no such ref', false);
    end case;
  end loop;
end;
$$
"""

# The expected metrics by labels, computed from the events.
STORED = """
with stepped as (
  select
    e.*,
    lag(e.attempt) over job as attempt_before,
    lag(e.detail ? 'retry_at') over job as was_over
  from public.index_job_events as e
  window job as (partition by e.job_id order by e.event_no)
)
select 'job_status_transitions_total', coalesce(s.from_status::text, 'none') || ' ' || s.to_status,
  count(*)
from stepped as s
where s.from_status is distinct from s.to_status
group by 2
union all
select 'job_attempts_total', case
    when s.to_status in ('completed', 'cancelled') then s.to_status::text
    when s.attempt > s.attempt_before then 'lost'
    when s.detail ? 'handed_back' then 'handed_back'
    when s.detail ->> 'error' like 'the worker was lost%' then 'lost'
    when s.to_status = 'failed' then 'failed'
    else 'retry'
  end, count(*)
from stepped as s
where s.from_status = 'processing' and not s.was_over
  and (s.to_status <> 'processing' or s.attempt > s.attempt_before or s.detail ? 'retry_at')
group by 2
union all
select 'job_duration_seconds_count', '', count(*) from public.index_jobs as j
where j.completed_at is not null and j.started_at is not null
union all
select 'job_wait_seconds_count', '', count(*) from public.index_jobs as j
where j.started_at is not null
"""
