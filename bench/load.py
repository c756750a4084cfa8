"""Load generators: wrk for HTTP servers, pgbench for Postgres. Loopback only.

wrk comes from Debian (apt-get install wrk), pgbench with the embedded Postgres.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from db.local.binaries import postgres_binaries

_LUA = """
local requests, number = {}, 0
function init(args)
  local host = args[1]
  for line in io.lines(args[2]) do
    local method, path, headers, body = line:match("^(.-)\\t(.-)\\t(.-)\\t(.*)$")
    local text = method .. " " .. path .. " HTTP/1.1\\r\\nHost: " .. host .. "\\r\\n"
    for header in headers:gmatch("[^|]+") do text = text .. header .. "\\r\\n" end
    if body ~= "" then text = text .. "Content-Length: " .. #body .. "\\r\\n" end
    requests[#requests + 1] = text .. "\\r\\n" .. body
  end
end
function request()
  number = number % #requests + 1
  return requests[number]
end
"""


class BenchError(RuntimeError):
    """Names in one sentence what is missing or failed."""


@dataclass(frozen=True)
class Call:
    """One HTTP request."""

    path: str
    headers: tuple[str, ...] = ()
    method: str = "GET"
    body: str = ""

    def line(self) -> str:
        return "\t".join((self.method, self.path, "|".join(self.headers), self.body))


@dataclass(frozen=True)
class Answered:
    """The results of wrk: responses per second, and the 99th percentile in milliseconds."""

    rate: float
    p99: float


def wrk(url: str, calls: Iterable[Call], *, clients: int, seconds: float) -> Answered:
    """Sends the calls in turn over `clients` connections. Raises BenchError on any error status."""
    if not shutil.which("wrk"):
        raise BenchError("wrk is not installed: apt-get install wrk")
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        script, lines = Path(folder, "calls.lua"), Path(folder, "calls.tsv")
        script.write_text(_LUA)
        lines.write_text("".join(f"{call.line()}\n" for call in calls))
        command = ["wrk", "-t1", f"-c{clients}", f"-d{seconds:g}s", "--latency", "--timeout", "30s"]
        command += ["-s", str(script), url, "--", urlsplit(url).netloc, str(lines)]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if errors := re.search(r"Non-2xx or 3xx responses: \d+|Socket errors: .*", said):
        raise BenchError(f"{url}: {errors[0]}")
    rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)", said)
    if not rate or not p99:
        raise BenchError(f"wrk said: {said}")
    return Answered(float(rate[1]), float(p99[1]) * {"us": 1e-3, "ms": 1.0, "s": 1e3}[p99[2]])


def pgbench(
    url: str, scripts: Sequence[str], *, clients: int, seconds: float, mode: str = "prepared"
) -> float:
    """Returns the transactions per second of the scripts, drawn with equal probability."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        files = []
        for number, text in enumerate(scripts):
            path = Path(folder, f"{number}.sql")
            path.write_text(text)
            files += ["-f", str(path)]
        program = postgres_binaries() / "bin/pgbench"
        command = [str(program), "-n", "-M", mode, f"-c{clients}", f"-T{seconds:g}", *files, url]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"tps = ([\d.]+)", done.stdout)
    failed = re.search(r"number of failed transactions: [1-9].*", done.stdout)
    if done.returncode or not found or failed:
        raise BenchError(f"pgbench: {failed[0] if failed else done.stderr[-2000:]}")
    return float(found[1])
