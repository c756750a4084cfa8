"""Where is …? Questions of newcomers, each with the file and definition that answer it.

A reader should find each in one guess, by the names of folders and files. If you move a
definition, change its answer here.
"""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ANSWERS = {
    "a poll answered": ("api/poll.py", "class Polls:"),
    "a poll answered in SQL": (
        "db/functions/api_get_job_status.sql",
        "function public.api_get_job_status(",
    ),
    "a job created": ("db/functions/private/insert_index_job.sql", "insert into public.index_jobs"),
    "a job claimed": (
        "db/functions/claim_index_job.sql",
        "function public.claim_index_job(",
    ),
    "the order of the queue decided": (
        "db/functions/private/order_waiting_tenants.sql",
        "function private.order_waiting_tenants(",
    ),
    "a transition decided": (
        "db/functions/private/job_transitions.sql",
        "function private.job_transitions(",
    ),
    "a quota counted": (
        "db/functions/private/count_request.sql",
        "function private.count_request(",
    ),
    "the delay of a retry decided": (
        "db/functions/private/retry_delay.sql",
        "function private.retry_delay(",
    ),
    "the columns of the table": (
        "db/tables/index_jobs.sql",
        "create table public.index_jobs (",
    ),
    "it decided who sees a job": (
        "db/policies/index_jobs.sql",
        "create policy index_jobs_select_authenticated",
    ),
    "a git URL refused": ("db/functions/private/is_git_url.sql", "function private.is_git_url("),
    "an API key checked": (
        "db/functions/private/begin_request.sql",
        "function private.begin_request(",
    ),
    "a token checked": ("api/auth.py", "class Authenticator:"),
    "a stream served": ("api/live/stream.py", "class JobStream("),
    "a metric counted": (
        "db/functions/private/fold_job_metrics.sql",
        "function private.fold_job_metrics(",
    ),
    "a metric named": ("api/metrics/jobs.py", "class JobMetrics("),
    "an error given its status": ("api/errors.py", "STATUS_BY_SQLSTATE"),
    "the list of routes": ("api/app.py", 'Route("/index", jobs.create_index_job'),
    "the list of settings of the API": ("api/settings.py", "class ApiSettings("),
    "a lease renewed": (
        "db/functions/report_job_progress.sql",
        "function public.report_job_progress(",
    ),
    "a stuck job found": ("db/functions/private/stuck_jobs.sql", "function private.stuck_jobs("),
    "a symbol extracted": ("worker/indexer/symbols.py", "def symbols_of("),
    "a migration applied": ("db/tools/migrate.py", "def apply("),
    "a command of the command line defined": ("cli/jobs.py", "def index("),
}


@pytest.mark.parametrize(("what", "answer"), ANSWERS.items())
def test_definition_is_in_the_expected_file(what: str, answer: tuple[str, str]) -> None:
    file, definition = answer
    assert (ROOT / file).is_file(), f"where is {what}? Not in {file} any more"
    assert definition in (ROOT / file).read_text(), f"where is {what}? {file} has no {definition}"


def test_there_are_at_least_twenty_questions() -> None:
    assert len(ANSWERS) >= 20
