"""Decides what can be cloned: the policy for addresses and refs, before git sees them.

Everything that decides where git can connect belongs here.
"""

from __future__ import annotations

import os
import re
import stat
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

from worker.indexer.protocol import IndexingError
from worker.indexer.rules import host, is_git_ref, is_git_url

_CONFIGS = ("config", "config.worktree")
_CONFIG_FILES = 100
# Prefixes of paths in the configuration.
_OPTIONAL, _PREFIX = ":(optional)", "%(prefix)/"
_NOTHING = Path(os.devnull)
# Folders of files that look regular by their mode but can block forever.
_KERNELS = {("proc",), ("sys",), ("dev",)}


@dataclass(frozen=True)
class Source:
    """A checked address for git, and the only protocol for it.

    `host` and `port` are those of the url; a file has none. A `trusted` host can be anywhere.
    """

    url: str
    protocol: Literal["https", "http", "file"]
    host: str = ""
    port: int = 0
    trusted: bool = False


@cache
def exec_path() -> Path:
    """Returns the folder of git's programs."""
    done = subprocess.run(["git", "--exec-path"], check=True, stdout=subprocess.PIPE)
    return Path(os.fsdecode(done.stdout.rstrip(b"\n")))


def parse(git_url: str, local_roots: Sequence[Path], trusted_hosts: Sequence[str] = ()) -> Source:
    """Returns the source for an address.

    Accepts https://, http:// for a trusted host (`name` or `name:port`), and file:// or an absolute
    path inside `local_roots`. Rebuilds the URL from the checked parts, so that git cannot read it
    differently.
    Raises IndexingError if the address is refused.
    """
    scheme, separator, rest = git_url.partition("://")
    protocol = scheme.lower() if separator else ""
    if git_url and not git_url.startswith("/") and protocol not in {"https", "http", "file"}:
        raise _url_not_allowed()
    if protocol in {"https", "http"} and "@" in re.split(r"[/\\]", rest)[0]:
        raise IndexingError(
            "credentials_in_url",
            "The repository address contains a user name or password. Remove it: the server gets"
            " credentials for private repositories from its credential helper.",
        )
    if not is_git_url(git_url):
        raise _invalid_url()
    if git_url.startswith("/"):
        return _local(git_url, local_roots)
    if protocol == "file":
        return _local(_file_path(git_url), local_roots)
    where = _remote(git_url, trusted_hosts)
    if where.protocol == "http" and not where.trusted:
        raise _url_not_allowed()
    return where


def alternative_url(url: str) -> str | None:
    """Returns the URL of a remote source with .git added or removed.

    Returns None for a folder.
    """
    name = re.fullmatch(r"(https?://[^/]+/.*?[^/])(\.git)?", url)
    return name and (name[1] if name[2] else f"{url}.git")


def _remote(git_url: str, trusted_hosts: Sequence[str]) -> Source:
    """Returns the source for a remote address that is_git_url has accepted."""
    parts = urlsplit(git_url)
    protocol: Literal["https", "http"] = "https" if parts.scheme == "https" else "http"
    name = host(parts.netloc.removesuffix(f":{parts.port}"))
    if name is None:
        raise _invalid_url()
    authority = name if parts.port is None else f"{name}:{parts.port}"
    port = parts.port or (443 if protocol == "https" else 80)
    trusted = name in trusted_hosts or f"{name}:{port}" in trusted_hosts
    return Source(f"{protocol}://{authority}{parts.path}", protocol, name, port, trusted)


def _url_not_allowed() -> IndexingError:
    return IndexingError(
        "url_not_allowed", "Only repository addresses that start with https:// are accepted."
    )


def _invalid_url() -> IndexingError:
    return IndexingError("invalid_url", "The repository address is not valid.")


def _file_path(git_url: str) -> str:
    """Returns the path of a file URL that is_git_url has accepted."""
    path = unquote(urlsplit(git_url).path)
    if "\ufffd" in path or not is_git_url(path):
        raise _invalid_url()
    return path


def _local(path: str, local_roots: Sequence[Path]) -> Source:
    if not local_roots:
        raise IndexingError(
            "local_path_not_allowed",
            "Local paths are not accepted here: use an address that starts with https://.",
        )
    folder = Path(path)
    try:
        # Checked step by step, so that errors reveal nothing about folders outside the roots, not
        # even whether they exist.
        for each in (folder, folder / ".git"):
            if not _is_allowed(each, local_roots):
                raise _outside_roots("The path")
            _refuse_special(each)
        git_dir = _git_dir(folder.resolve())
        for each in _followed_paths(git_dir):
            if not _is_allowed(each, local_roots):
                raise _outside_roots(
                    "A folder or file that the repository refers to, such as by a link or by"
                    " objects/info/alternates,"
                )
            _refuse_special(each)
        for each in _configured_paths(git_dir):
            _refuse_special(each)
        return Source(str(git_dir), "file")
    # A loop of symlinks is a RuntimeError, a path with a NUL a ValueError.
    except (OSError, RuntimeError, ValueError):
        raise _repository_not_found() from None


def _is_allowed(path: Path, local_roots: Sequence[Path]) -> bool:
    real = path.resolve()
    return any(real.is_relative_to(root.resolve()) for root in local_roots)


def _repository_not_found() -> IndexingError:
    return IndexingError(
        "repository_not_found",
        "There is no git repository at this path: use the folder with .git in it, or a bare one.",
    )


def _outside_roots(what: str) -> IndexingError:
    return IndexingError(
        "local_path_not_allowed", f"{what} is outside the folders that may be indexed."
    )


def _refuse_special(path: Path) -> None:
    """Raises IndexingError special_file if opening or reading `path` could block forever.

    That covers FIFOs, sockets, devices and files of the kernel, but not missing files.
    """
    try:
        real = path.resolve()
        mode = real.stat().st_mode
    except (OSError, RuntimeError):  # missing, or git could not open it either
        return
    plain = stat.S_ISREG(mode) or stat.S_ISDIR(mode)
    if real != _NOTHING and (not plain or real.parts[1:2] in _KERNELS):
        raise IndexingError(
            "special_file",
            "The repository contains, or its configuration names, something that is neither a file"
            " nor a folder, such as a FIFO or a device. Remove it.",
        )


def _git_dir(path: Path) -> Path:
    """Returns the git folder of a bare repository or a work tree, not of a folder below."""
    dot_git = path / ".git"
    if dot_git.is_dir():
        return dot_git.resolve()
    if not dot_git.is_file():
        return path
    pointer = _read_pointer(dot_git)
    if not pointer.startswith("gitdir: "):
        raise _repository_not_found()
    return (path / pointer.removeprefix("gitdir: ")).resolve()


def _followed_paths(git_dir: Path) -> Iterator[Path]:
    """Yields the paths that git may follow in a repository: all that are not regular files.

    Does not read a path before the next one is requested. Raises IndexingError repository_not_found
    if this is not a repository.
    """
    yield git_dir
    common = common_dir(git_dir)
    head, objects = git_dir / "HEAD", common / "objects"
    yield from (common, head, objects)
    if not (head.is_file() and objects.is_dir()):
        raise _repository_not_found()
    unread = {  # never opened
        git_dir / "hooks",
        common.resolve() / "hooks",
        git_dir / "fsmonitor--daemon.ipc",
    }
    waiting, seen = [common, git_dir], set[Path]()
    while waiting:
        path = waiting.pop().resolve()
        if path in seen:
            continue
        seen.add(path)
        yield path
        if path.is_dir():
            waiting += alternates(path)
            with os.scandir(path) as entries:
                found = {Path(each) for each in entries if not each.is_file(follow_symlinks=False)}
            waiting += found - unread


def common_dir(git_dir: Path) -> Path:
    """Returns the git folder that a work tree shares with others, or its own."""
    return git_dir / _read_pointer(git_dir / "commondir")


def alternates(objects: Path) -> Iterator[Path]:
    """Yields the object stores that `objects` borrows from."""
    listing = objects / "info" / "alternates"
    if not listing.is_file():
        return
    for line in map(os.fsdecode, listing.read_bytes().split(b"\n")):
        if line.startswith('"'):  # git would read it as a quoted path
            raise _repository_not_found()
        if line and not line.startswith("#"):
            # As in git, .. removes the name before it, even of a symlink.
            yield Path(os.path.normpath(objects / line))


def _configured_paths(git_dir: Path) -> Iterator[Path]:
    """Yields each path that the configuration may name, and each file that it includes.

    Does not open a file before the next path is requested.
    """
    common = common_dir(git_dir)
    waiting = [folder / name for folder in (common, git_dir) for name in _CONFIGS]
    seen = set[Path]()
    while waiting:
        config = waiting.pop().resolve()
        if config in seen or not config.is_file():
            continue
        seen.add(config)
        if len(seen) > _CONFIG_FILES:
            raise _repository_not_found()
        for key, value in settings(config):
            paths = [
                folder / each
                for each in _paths_in_value(value)
                for folder in (config.parent, git_dir)
            ]
            yield from paths
            if key.startswith("include") and key.endswith(".path"):
                waiting += paths


def _paths_in_value(value: str) -> Iterator[Path]:
    """Yields the paths that a configuration value can mean in any version of git."""
    for text in {value, value.removeprefix(_OPTIONAL)}:
        yield Path(os.path.expanduser(text))  # noqa: PTH111
        if text.startswith(_PREFIX):  # git's installation folder, which contains its programs
            yield from (folder / text.removeprefix(_PREFIX) for folder in exec_path().parents)


def settings(config: Path) -> Iterator[tuple[str, str]]:
    """Yields the keys and values of a git configuration file, up to its first error."""
    done = subprocess.run(
        ["git", "config", "--file", str(config), "--no-includes", "--null", "--list"],
        env={name: os.environ[name] for name in ("PATH",) if name in os.environ}
        | {"GIT_DIR": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    for setting in map(os.fsdecode, done.stdout.split(b"\0")):
        key, separator, value = setting.partition("\n")
        if separator and value and len(value) < os.pathconf("/", "PC_PATH_MAX"):
            yield key, value


def _read_pointer(path: Path) -> str:
    """Returns the path in a file that names a folder, or '.' if there is no file."""
    if not path.is_file():
        return "."
    with path.open("rb") as file:
        text = os.fsdecode(file.read(8192).rstrip(b"\r\n"))
    if re.search(r"[\0-\x1f]", text):
        raise _repository_not_found()
    return text


def check_ref(ref: str) -> None:
    """Raises IndexingError invalid_ref unless `ref` can name a branch, a tag or a commit."""
    if not is_git_ref(ref):
        raise IndexingError(
            "invalid_ref", "The ref is not a valid name for a branch, a tag or a commit."
        )
