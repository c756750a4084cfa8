"""Calls the api_* functions through a Supabase project's /rest/v1, with its service key.

With it, the HTTP layer needs no database password. A request is one POST on a connection that is
kept open. PostgREST returns the function's row as a JSON object, which the client library parses
once. Its member `body` is the text for the client, unchanged.
"""

from __future__ import annotations

import json
from asyncio import timeout
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Final, Self

import httpx
from postgrest import APIError
from supabase import AsyncClient, AsyncClientOptions, acreate_client

from api.errors import from_supabase
from api.rpc.contract import Answer, Function, PoolUse, Schema
from api.settings import ApiSettings
from db.tools.logs import get_logger
from db.tools.settings import SettingError, authorities

logger = get_logger(__name__)

_CONNECTIONS: Final = 32
# Seconds to connect, and to keep an idle connection.
_CONNECT_TIMEOUT: Final = 2.0
_KEEP_ALIVE: Final = 20.0
_TOO_MANY_CONNECTIONS: Final = "53300"
_KEY_REFUSED: Final = "28000"
# A migration changed the table's columns while the statement waited. It was rolled back.
_COLUMNS_CHANGED: Final = "42804"
_MEMBERS: Final = Answer._fields


def require_service_key(settings: ApiSettings) -> None:
    """Raises SettingError if Supabase refuses the key or it is not the service key."""
    if not settings.supabase_url or not settings.service_key:
        return
    key = settings.service_key.get_secret_value()
    try:
        answer = httpx.post(
            f"{settings.supabase_url.rstrip('/')}/rest/v1/rpc/api_schema_version",
            headers={"apikey": key, "Authorization": f"Bearer {key}"},
            json={},
            timeout=_CONNECT_TIMEOUT,
            verify=authorities(settings.supabase_url),
        )
    except (httpx.HTTPError, UnicodeEncodeError):
        return
    if answer.status_code in (401, 403):
        raise SettingError(
            f"SUPABASE_SERVICE_ROLE_KEY: {settings.supabase_url} refused it with status "
            f"{answer.status_code}; copy the secret or service_role key from the project's settings"
        )


class SupabaseRpc:
    """The client and the calls over it. An async context manager; opening it sends nothing.

    Raises Problem 503 if Supabase cannot be reached, is too busy or refuses the key. Other errors
    are bugs. Never repeats a call that was executed or may still be.
    """

    _client: AsyncClient

    def __init__(self, settings: ApiSettings) -> None:
        if not settings.supabase_url or not settings.service_key:
            raise SettingError(
                "neither API_DATABASE_URL nor both of SUPABASE_URL and SUPABASE_SERVICE_ROLE_KEY"
                " are set: set one of these, or use `make serve`, which needs neither"
            )
        self.quota_refusals = 0
        self._url = settings.supabase_url
        self._key = settings.service_key.get_secret_value()
        self._deadline = _CONNECT_TIMEOUT + settings.statement_timeout_seconds + 1
        self._http = httpx.AsyncClient(
            timeout=httpx.Timeout(
                self._deadline, connect=_CONNECT_TIMEOUT, pool=settings.statement_timeout_seconds
            ),
            limits=httpx.Limits(
                max_connections=_CONNECTIONS,
                max_keepalive_connections=_CONNECTIONS,
                keepalive_expiry=_KEEP_ALIVE,
            ),
            event_hooks={"response": [_raise_if_refused]},
            verify=authorities(self._url),
        )

    async def __aenter__(self) -> Self:
        options = AsyncClientOptions(
            httpx_client=self._http,
            auto_refresh_token=False,
            persist_session=False,
            postgrest_client_retry=False,
        )
        self._client = await acreate_client(self._url, self._key, options)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    async def call(self, function: Function, **arguments: str | int | None) -> Answer:
        """The one row that an api_* function returns; `arguments` are all of its arguments."""
        parameters: dict[str, Any] = dict(arguments)
        if claims := arguments.get("p_claims"):
            parameters["p_claims"] = json.loads(str(claims))
        row = await self._execute(function, parameters, lambda data: isinstance(data, dict))
        answer = Answer(**{name: row[name] for name in _MEMBERS})
        if answer.verdict == "PT429":
            self.quota_refusals += 1
        return answer

    async def schema(self) -> Schema:
        """What the database says of its schema."""
        (row,) = await self._execute("api_schema_version", {}, _is_one_row)
        return Schema(**row)

    def pools(self) -> Sequence[PoolUse]:
        """Returns none, because Supabase holds the connections."""
        return ()

    async def _execute(
        self, function: str, parameters: dict[str, Any], expected: Callable[[object], bool]
    ) -> Any:
        try:
            async with timeout(self._deadline):
                data: object = await self._send(function, parameters)
            if not expected(data):
                raise APIError({"message": f"unexpected answer of the function: {data!r:.200}"})
            return data
        except (APIError, httpx.RequestError, TimeoutError) as error:
            code = error.code if isinstance(error, APIError) else None
            if isinstance(error, httpx.PoolTimeout):
                code = _TOO_MANY_CONNECTIONS
            problem = from_supabase(code)
            if problem.status == 500:
                raise
            reason = error.message if isinstance(error, APIError) else error
            logger.warning(
                "call failed",
                status=problem.status,
                kind=type(error).__name__,
                code=code,
                error=str(reason),
            )
            raise problem from error

    async def _send(self, function: str, parameters: dict[str, Any]) -> object:
        call = self._client.rpc(function, parameters)
        try:
            return (await call.execute()).data
        except APIError as error:
            if error.code != _COLUMNS_CHANGED:
                raise
            return (await call.execute()).data


async def _raise_if_refused(response: httpx.Response) -> None:
    """Recognizes a key refused by Supabase's gateway, which sets no code."""
    if response.status_code == 401:
        await response.aread()
        raise APIError({"code": _KEY_REFUSED, "message": f"{response.text:.300}"})


def _is_one_row(data: object) -> bool:
    return isinstance(data, list) and len(data) == 1 and isinstance(data[0], dict)
