"""Prevents two commands from using one directory of the development stack at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from cli.dev import lock
from cli.dev.options import Options
from cli.errors import CommandError
from cli.paths import display_path


class DirectoryLockedError(CommandError):
    """Another command is using the same directory, the one set by `variable`."""

    def __init__(self, holder: lock.Holder, directory: Path, variable: str) -> None:
        super().__init__(
            f"{holder} is already using {display_path(directory)}"
            + (f", with its API at {holder.api_url}" if holder.api_url else "")
            + f"; stop it first, or set {variable}= to another directory"
        )
        self.holder = holder


@contextmanager
def lock_data_dir(options: Options, what: str) -> Iterator[Callable[[str | None], None]]:
    """Locks the data directory, or RUN_DIR if DATABASE_URL is set, until the block ends.

    Yields a function to call when the server is up, with the address of the API if there is one.

    Raises DirectoryLockedError if another command holds the lock.
    """
    embedded = options.database_url is None
    directory, variable = (options.home, "DATA_DIR") if embedded else (options.run_dir, "RUN_DIR")
    with _lock_directory(lock_path(options), what, directory, variable) as ready:
        yield ready


@contextmanager
def lock_run_dir(options: Options, what: str) -> Iterator[Callable[[str | None], None]]:
    """Locks RUN_DIR, which holds dev.env. Otherwise like `lock_data_dir`."""
    path = options.run_dir / "serve.lock"
    with _lock_directory(path, what, options.run_dir, "RUN_DIR") as ready:
        yield ready


@contextmanager
def _lock_directory(
    path: Path, what: str, directory: Path, variable: str
) -> Iterator[Callable[[str | None], None]]:
    with ExitStack() as held:
        try:
            ready = held.enter_context(lock.take(path, what))
        except lock.LockTakenError as error:
            raise DirectoryLockedError(error.holder, directory, variable) from None
        except OSError as error:
            raise CommandError(
                f"{variable}={directory} is not writable ({error.strerror}): use another directory"
            ) from None
        yield ready


def lock_path(options: Options) -> Path:
    if options.database_url is not None:
        return options.run_dir / "stack.lock"
    return options.home.with_name(f"{options.home.name}.stack.lock")
