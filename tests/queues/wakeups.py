"""A procrastinate worker for the tests, on WORKER_DATABASE_URL: our adapter with fast jobs.

Prints a line for each attempt that started. The job's ref decides its outcome, as in worker.mjs.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import uuid
from typing import Any

import psycopg

from worker import procrastinate

WORKER = str(uuid.uuid4())
URL = os.environ["WORKER_DATABASE_URL"]


def say(**told: Any) -> None:
    print(json.dumps(told), flush=True)


async def run_next() -> bool:
    async with await psycopg.AsyncConnection.connect(URL, autocommit=True) as connection:
        claimed = await connection.execute(
            "select j.id::text, j.attempt, j.ref from public.claim_index_job(%s, '4 seconds') as j",
            (WORKER,),
        )
        row = await claimed.fetchone()
        if row is None:
            return False
        job, attempt, ref = row
        say(job=job, attempt=attempt, ref=ref, worker=WORKER)
        try:
            await work(connection, job, attempt, ref)
        except psycopg.Error as error:
            say(job=job, attempt=attempt, refused=error.diag.message_detail)
        return True


async def work(connection: Any, job: str, attempt: int, ref: str) -> None:
    how, _, number = ref.partition("-")
    if (how == "fail" and attempt <= int(number)) or how == "bad":
        error = "There is no such ref." if how == "bad" else f"attempt {attempt} failed"
        await connection.execute(
            "select public.fail_job_attempt(%s, %s, %s, %s)", (job, attempt, error, how != "bad")
        )
        return
    if ref == "die" and attempt == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    while ref == "late" and attempt == 1 and await newest(connection, job) == 1:  # noqa: ASYNC110
        await asyncio.sleep(0.1)
    while ref == "slow":
        said = await connection.execute(
            "select cancel_requested from public.report_job_progress("
            "%s, %s, p_lease => '4 seconds')",
            (job, attempt),
        )
        if (await said.fetchone())[0]:
            await connection.execute(
                "select public.update_job_status(%s, 'cancelled', p_attempt => %s)", (job, attempt)
            )
            return
        await asyncio.sleep(0.05)
    async with connection.transaction():
        await connection.execute(
            "insert into private.incoming_files"
            " (file_no, path, language, bytes, blob_sha, symbol_count)"
            " values (1, 'a', null, 1, repeat('a', 40), 0)"
        )
        await connection.execute(
            "select public.complete_index(p_job_id => %(job)s, p_attempt => %(attempt)s,"
            " p_worker_id => %(worker)s, p_extractor => %(extractor)s,"
            " p_commit_sha => repeat('c', 40),"
            """ p_stats => '{"files_indexed": 1, "symbols_extracted": 0}')""",
            {"job": job, "attempt": attempt, "worker": WORKER, "extractor": f"test {job}"},
        )
    if ref == "die-done":
        os.kill(os.getpid(), signal.SIGKILL)


async def newest(connection: Any, job: str) -> int:
    row = await connection.execute("select attempt from public.index_jobs where id = %s", (job,))
    return int((await row.fetchone())[0])


async def main() -> None:
    procrastinate.TICK = "* * * * * *"
    app = procrastinate.make_app(URL, run_next)
    async with app.open_async():
        say(ready=WORKER)
        await app.run_worker_async(
            queues=[procrastinate.QUEUE], concurrency=2, delete_jobs="successful",
            fetch_job_polling_interval=1.0,
        )  # fmt: skip


if __name__ == "__main__":
    asyncio.run(main())
