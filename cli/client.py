"""The command line's client for the HTTP API. Retries where that helps; errors are sentences.

After a 429 or a 503 the client waits as long as Retry-After says, within the caller's limits.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from types import TracebackType
from typing import Any, Literal, Self, cast
from urllib.parse import quote

import httpx

from api.records import (
    UNFINISHED,
    FileList,
    IndexJob,
    IndexResponse,
    JobExplanation,
    JobHistory,
    JobList,
    Repository,
    SkippedList,
    SymbolList,
)
from cli.exit_codes import ExitCode
from cli.hints import explain_refusal
from db.tools.codes import codes
from db.tools.settings import authorities, is_loopback

_EXIT_CODES = {
    400: ExitCode.USAGE,
    401: ExitCode.NO_ACCESS,
    403: ExitCode.NO_ACCESS,
    404: ExitCode.NOT_FOUND,
    422: ExitCode.USAGE,
    429: ExitCode.QUOTA,
}
_OUTAGE_SECONDS = 60.0
_SHORT_WAIT = 30.0
_LONG_PAUSE = 15.0  # longer than the API asks for while the quota is not low
_SILENCE = 40.0  # seconds without any data, not even a ping, after which a stream counts as dead

Waiting = Callable[[str], None]


class ApiError(Exception):
    """An error message for the user, and the exit code that goes with it."""

    def __init__(
        self,
        message: str,
        *,
        exit_code: ExitCode,
        code: str = "",
        field: str = "",
        retry_after: float = 0.0,
    ) -> None:
        super().__init__(message_about(field, message, field))
        self.message = message
        self.exit_code = exit_code
        self.code = code
        self.field = field
        self.retry_after = retry_after

    def with_field_names(self, words: Mapping[str, str]) -> ApiError:
        """Returns this error with the user's `words` for fields in place of the API's."""
        text = message_about(self.field, self.message, words.get(self.field, self.field))
        return ApiError(
            text, exit_code=self.exit_code, code=self.code, retry_after=self.retry_after
        )


def message_about(field: str, message: str, word: str) -> str:
    """Returns the message with `word` in place of the field name at its start, or before it."""
    if not field:
        return message
    begins = re.match(rf"{re.escape(field).replace('_', '[_-]')}(?= )", message, re.IGNORECASE)
    return f"{word}{message[begins.end() :]}" if begins else f"{word}: {message}"


@dataclass(frozen=True)
class Created:
    """An accepted POST /index."""

    answer: IndexResponse
    seconds: float

    @property
    def job_id(self) -> str:
        """The job's id. An API that does not track the job returns it as the runId only."""
        return self.answer["runId"]


class Client:
    """Calls one API with one key. Every failure is an ApiError."""

    def __init__(self, url: str, key: str, *, waiting: Waiting = lambda reason: None) -> None:
        self._url = url.rstrip("/")
        self.waiting = waiting
        try:
            self._http = httpx.Client(
                base_url=self._url,
                headers={"Authorization": f"Bearer {key}"},
                timeout=15,
                verify=authorities(str(httpx.URL(self._url))),
                trust_env=not is_loopback(httpx.URL(self._url).host),
            )
        except (httpx.InvalidURL, UnicodeEncodeError):
            raise ApiError(
                f"API_URL or API_KEY is invalid: {self._url!r} must look like "
                "http://127.0.0.1:8321, and the key must be ASCII",
                exit_code=ExitCode.USAGE,
            ) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()

    def create_index_job(
        self, request: dict[str, str], *, idempotency_key: str | None = None
    ) -> Created:
        """POST /index."""
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        response = self._call_with_retries("POST", "/index", json=request, headers=headers)
        answer = cast(IndexResponse, self._record(response, "runId"))
        return Created(answer, response.elapsed.total_seconds())

    def get_job_status(self, job_id: str) -> IndexJob:
        """GET /jobs/{id}."""
        return self._job(self._call_with_retries("GET", _path("jobs", job_id)))

    def explain_index_job(self, job_id: str) -> JobExplanation:
        """GET /jobs/{id}/explain."""
        response = self._call_with_retries("GET", f"{_path('jobs', job_id)}/explain")
        return cast(JobExplanation, self._record(response, "reason"))

    def cancel_index_job(self, job_id: str) -> IndexJob:
        """DELETE /jobs/{id}."""
        return self._job(self._call_with_retries("DELETE", _path("jobs", job_id)))

    def set_repository_url(self, repository_id: str, address: dict[str, str]) -> Repository:
        """PATCH /repositories/{id}."""
        path = _path("repositories", repository_id)
        return cast(
            Repository, self._record(self._call_with_retries("PATCH", path, json=address), "id")
        )

    def list_index_jobs(self, **query: str | int | None) -> JobList:
        """GET /jobs."""
        return cast(JobList, self._page("/jobs", "jobs", query))

    def admin_list_index_jobs(self, **query: str | int | None) -> JobList:
        """GET /admin/jobs."""
        return cast(JobList, self._page("/admin/jobs", "jobs", query))

    def admin_get_job_status(self, job_id: str, **query: str | None) -> IndexJob:
        """GET /admin/jobs/{id}."""
        return cast(IndexJob, self._page(f"/admin{_path('jobs', job_id)}", "id", query))

    def admin_change_index_job(
        self, job_id: str, action: Literal["fail", "release", "retry"], reason: str
    ) -> IndexJob:
        """POST /admin/jobs/{id}/{action}."""
        path = f"/admin{_path('jobs', job_id)}/{action}"
        return self._job(self._call_with_retries("POST", path, json={"reason": reason}))

    def get_job_history(self, job_id: str) -> JobHistory:
        """GET /jobs/{id}/events."""
        return cast(JobHistory, self._page(f"{_path('jobs', job_id)}/events", "events", {}))

    def list_indexed_files(self, job_id: str, **query: str | int | None) -> FileList:
        """GET /jobs/{id}/files."""
        return cast(FileList, self._page(f"{_path('jobs', job_id)}/files", "files", query))

    def list_skipped_files(self, job_id: str, **query: str | int | None) -> SkippedList:
        """GET /jobs/{id}/skipped."""
        return cast(SkippedList, self._page(f"{_path('jobs', job_id)}/skipped", "skipped", query))

    def find_symbols(self, job_id: str, **query: str | int | None) -> SymbolList:
        """GET /jobs/{id}/symbols."""
        return cast(SymbolList, self._page(f"{_path('jobs', job_id)}/symbols", "symbols", query))

    def follow(
        self, job_id: str, *, every: float | None = None, timeout: float | None = None
    ) -> Iterator[IndexJob]:
        """Yields the job each time it changes, until its status is final.

        Uses a stream, which is one request. Without a stream, polls as often as the API asks.
        `every` polls instead, with that pause in seconds. Raises ApiError after `timeout` seconds,
        or as soon as the next wait would exceed them.
        """
        ends_at = None if timeout is None else time.monotonic() + timeout
        while True:
            response = self._call_with_retries(
                "GET", _path("jobs", job_id), retry_forever=True, ends_at=ends_at
            )
            job = self._job(response)
            yield job
            if job["status"] in UNFINISHED and every is None:
                for job in self._stream(job_id, ends_at):
                    yield job
            if job["status"] not in UNFINISHED:
                return
            pause = _number(response, "Retry-After", 1.0) if every is None else every
            if ends_at is not None and time.monotonic() + pause > ends_at:
                time.sleep(max(0.0, ends_at - time.monotonic()))
                raise ApiError(
                    f"The job is {job['status']} after {_duration(timeout or 0.0)}.",
                    exit_code=ExitCode.TIMEOUT,
                )
            if pause >= _LONG_PAUSE:
                self.waiting(f"The quota is running low: checking again in {_duration(pause)}.")
            time.sleep(pause)

    def _stream(self, job_id: str, ends_at: float | None) -> Iterator[IndexJob]:
        """Yields the job with each event and progress report, until the stream ends."""
        silence = _SILENCE
        if ends_at is not None:
            silence = min(silence, max(0.1, ends_at - time.monotonic()))
        with (
            suppress(httpx.TransportError),
            self._http.stream(
                "GET",
                f"{_path('jobs', job_id)}/events",
                headers={"Accept": "text/event-stream"},
                timeout=silence,
            ) as response,
        ):
            if response.status_code != 200:
                return
            for line in response.iter_lines():
                if line.startswith("data: "):
                    told = json.loads(line.removeprefix("data: "))
                    if "job" in told:  # the frame that explains why the job waits has none
                        yield cast(IndexJob, told["job"])
                if ends_at is not None and time.monotonic() >= ends_at:
                    return

    def _page(self, path: str, member: str, query: Mapping[str, str | int | None]) -> object:
        """Returns the answer to a query, sent without the parameters that are None."""
        given = {name: value for name, value in query.items() if value is not None}
        return self._record(self._call_with_retries("GET", path, params=given), member)

    def _job(self, response: httpx.Response) -> IndexJob:
        return cast(IndexJob, self._record(response, "id"))

    def _record(self, response: httpx.Response, member: str) -> object:
        try:
            record = response.json()
        except ValueError:
            record = None
        if not isinstance(record, dict) or member not in record:
            raise ApiError(
                f"The server at {self._url} is not the index-jobs API: check API_URL.",
                exit_code=ExitCode.FAILED,
            )
        return record

    def _call_with_retries(
        self,
        method: Literal["GET", "POST", "PATCH", "DELETE"],
        path: str,
        *,
        retry_forever: bool = False,
        ends_at: float | None = None,
        **arguments: Any,
    ) -> httpx.Response:
        """Sends the request, and repeats it if the quota renews soon.

        With `retry_forever`, waits however long the quota takes, and for an API that cannot be
        reached as well. Never waits beyond `ends_at`.
        """
        gives_up = time.monotonic() + _OUTAGE_SECONDS
        said = ""
        while True:
            try:
                response = self._call(method, path, **arguments)
                if said:
                    self.waiting("The API is answering again.")
                return response
            except ApiError as error:
                seconds = max(1.0, error.retry_after)
                if error.exit_code == ExitCode.QUOTA:
                    worth_it = retry_forever or error.retry_after <= _SHORT_WAIT
                    going_on = f"Retrying in {_duration(seconds)}."
                else:
                    left = gives_up - time.monotonic()
                    worth_it = (
                        error.exit_code == ExitCode.UNREACHABLE and retry_forever and left > 0
                    )
                    going_on = f"Retrying for up to {_duration(left)}."
                if not worth_it or (ends_at is not None and time.monotonic() + seconds > ends_at):
                    raise
                if str(error) != said:
                    said = str(error)
                    self.waiting(f"{said} {going_on}")
                time.sleep(seconds)

    def _call(
        self, method: Literal["GET", "POST", "PATCH", "DELETE"], path: str, **arguments: Any
    ) -> httpx.Response:
        try:
            response = self._http.request(method, path, **arguments)
        except (httpx.UnsupportedProtocol, httpx.InvalidURL):
            raise ApiError(
                f"API_URL={self._url!r} is not a valid URL: use one like http://127.0.0.1:8321",
                exit_code=ExitCode.USAGE,
            ) from None
        except (httpx.LocalProtocolError, UnicodeEncodeError):
            raise ApiError(
                "The API key or an argument contains a character that cannot be sent: "
                "keys must be visible ASCII, everything else UTF-8.",
                exit_code=ExitCode.USAGE,
            ) from None
        except httpx.TransportError as error:
            reason = "did not answer in time" if isinstance(error, httpx.TimeoutException) else ""
            raise ApiError(
                f"The API at {self._url} {reason or 'cannot be reached'}: check that it is running "
                "(make serve) and that API_URL is right.",
                exit_code=ExitCode.UNREACHABLE,
            ) from None
        if response.is_success:
            return response
        raise _refusal(response)


def _path(kind: Literal["jobs", "repositories"], id_: str) -> str:
    if "/" in id_ or not id_.strip("."):  # it would change the path
        code = "NOT_FOUND" if kind == "jobs" else "REPOSITORY_NOT_FOUND"
        raise ApiError(codes()[code].sentence, exit_code=ExitCode.NOT_FOUND, code=code)
    return f"/{kind}/{quote(id_, safe='', errors='replace')}"


def _refusal(response: httpx.Response) -> ApiError:
    status, seconds = response.status_code, _number(response, "Retry-After")
    try:
        problem = response.json()
        code, field = str(problem.get("code", "")), problem.get("field")
        words = explain_refusal(code, problem["detail"], problem.get("hint"))
    except (ValueError, KeyError, TypeError, AttributeError):
        words, code, field = f"The API answered {status}.", "", None
    if status == HTTPStatus.TOO_MANY_REQUESTS and seconds:
        words = f"{words} The quota renews in {_duration(seconds)}."
    return ApiError(
        words,
        exit_code=_EXIT_CODES.get(
            status, ExitCode.UNREACHABLE if status >= 500 else ExitCode.FAILED
        ),
        code=code,
        field=str(field or ""),
        retry_after=seconds,
    )


def _number(response: httpx.Response, header: str, default: float = 0.0) -> float:
    try:
        return float(response.headers[header])
    except (KeyError, ValueError):
        return default


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02} min" if minutes else f"{rest} s"
