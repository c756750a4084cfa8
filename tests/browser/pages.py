"""Helpers for the tests of the page: its server, signing in, a job in each state."""

from __future__ import annotations

from playwright.sync_api import Locator, Page
from psycopg.types.json import Jsonb

from tests.api.conftest import WORKER, Api, Job, Tenant

HOSTILE = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>\u202egpj.exe'
"""Text that would run as script or hide its end if not escaped."""
SHOWN = HOSTILE.replace("\u202e", "\\u202e")


def sign_in(page: Page, api: Api, key: str, path: str = "/") -> None:
    """Signs in from a tab without a key."""
    page.goto(f"{api.url}{path}")
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Sign in").click()


def sentence(page: Page) -> Locator:
    """Returns the sentence that explains the job's state."""
    return page.locator("#sentence")


def retrying(job: Job, error: str = "The host could not be reached.") -> None:
    """Fails the first attempt so that another one can follow in a minute."""
    job.begin()
    with job.api.sql() as connection, connection.transaction():
        connection.execute("set local role service_role")
        connection.execute("select public.fail_job_attempt(%s, 1, %s)", (job.id, error))
        connection.execute("reset role")
        connection.execute("set local session_replication_role = replica")  # records no event
        connection.execute(
            "update public.index_jobs set retry_at = private.clock() + interval '1 minute'"
            " where id = %s",
            (job.id,),
        )


def failed(job: Job, error: str = "There is no branch 'nowhere'.") -> None:
    job.begin()
    job.run("update_job_status(%s, 'failed', %s, 1)", job.id, Jsonb({"error": error}))


def silent(job: Job) -> None:
    """Starts a job whose worker was last seen 90 seconds ago. Its lease lasts a minute more."""
    job.begin()
    with job.api.sql() as connection:
        connection.execute(
            "update public.index_jobs set heartbeat_at = now() - interval '90 seconds',"
            " lease_expires_at = now() + interval '60 seconds' where id = %s",
            (job.id,),
        )


def report_runner(api: Api, slots: int = 1) -> None:
    """Registers a worker that was just seen."""
    with api.sql() as connection:
        connection.execute(
            "select public.report_runner(%s, 'host', 1, '1', %s, 0)", (WORKER, slots)
        )


def forget_runners(api: Api) -> None:
    with api.sql() as connection:
        connection.execute("delete from private.runners")


def completed(job: Job, text: str = "src/main.py") -> None:
    """Completes the job with a file, a symbol and a skipped file with these names."""
    stats = {
        "files_indexed": 1,
        "files_unchanged": 0,
        "symbols_extracted": 1,
        "bytes": 2048,
        "languages": {text: 1},
        "files_skipped": 1,
        "skipped": {"binary": 1},
    }
    job.begin()
    job.run("update_job_status(%s, 'completed', %s, 1)", job.id, Jsonb({"stats": stats}))
    with job.api.sql() as connection:
        connection.execute(
            "with j as (select id, repository_id from public.index_jobs where id = %(job)s),"
            " c as (insert into public.indexed_commits"
            "   select j.repository_id, j.id, repeat('a', 40), 'tests', '{}' from j),"
            " s as (insert into public.skipped_files (repository_id, job_id, path, reason)"
            "   select j.repository_id, j.id, %(text)s, 'binary' from j),"
            " f as (insert into public.indexed_files"
            "   (repository_id, job_id, path, language, bytes, blob_sha, symbol_count)"
            "   select j.repository_id, j.id, %(text)s, %(text)s, 2048, repeat('b', 40), 1 from j"
            "   returning id, repository_id)"
            " insert into public.symbols"
            "   (repository_id, file_id, name, kind, start_line, end_line, parent)"
            " select f.repository_id, f.id, %(text)s, 'function', 1, 2, %(text)s from f",
            {"job": job.id, "text": text},
        )


def open_job(page: Page, api: Api, tenant: Tenant, job: Job) -> None:
    """Opens the job's page as a tenant who may have to sign in."""
    page.goto(f"{api.url}{job.path}/view")
    if page.evaluate("!sessionStorage.getItem('key')"):
        page.get_by_label("API key").fill(tenant.key)
        page.get_by_role("button", name="Sign in").click()
    page.locator("#now").wait_for()
