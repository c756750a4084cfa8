"""Takes the picture of the page that the README shows: make picture.

The page is real, on its own server and database. The data is made up.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from db.local.postgres import temporary
from tests.api.conftest import Api, Job, serve
from tests.support.browser import launched
from tests.support.databases import Cluster, settings_of
from tests.support.waiting import until

from .pages import open_job

PICTURE = Path(__file__).parents[2] / "docs/page.png"
SECONDS = (41.0, 44.5, 38.2, 52.9, 40.3)


def main() -> None:
    """Writes docs/page.png."""
    with ExitStack() as at_exit:
        server = at_exit.enter_context(temporary(settings=settings_of(18)))
        cluster = Cluster(server, hosted=False, changes=[])
        place = at_exit.enter_context(cluster.database("ordinary", migrated=True))
        api = at_exit.enter_context(serve(place))
        alice = api.tenant()
        job = Job(api, alice, repository="acme/storefront", ref="main")
        with api.sql() as connection:
            for seconds in SECONDS:
                connection.execute(
                    "insert into private.index_durations"
                    " (repository_id, commit_sha, bytes, bytes_unchanged, seconds, ended_at)"
                    " select j.repository_id, repeat('a', 40), 1, 0, %s, now()"
                    " from public.index_jobs as j where j.id = %s",
                    (seconds, job.id),
                )
        job.begin()
        job.run("fail_job_attempt(%s, 1, %s)", job.id, "The host could not be reached.")
        browser = at_exit.enter_context(launched())
        page = browser.new_page(viewport={"width": 1000, "height": 660}, color_scheme="light")
        open_job(page, api, alice, job)
        until(lambda: _claim(api))
        job.run("report_job_progress(%s, 2, 'symbols', 1240, 2000)", job.id)
        page.get_by_text("62 %").wait_for()
        page.wait_for_timeout(1000)  # until the progress bar stops moving
        page.screenshot(path=PICTURE)
    print(PICTURE)


def _claim(api: Api) -> bool:
    """Claims the job. Returns whether its next attempt was due."""
    with api.sql() as connection:
        query = "select from public.claim_index_job(gen_random_uuid()::text)"
        return connection.execute(query).rowcount == 1


if __name__ == "__main__":
    main()
