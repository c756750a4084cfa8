"""Which command works on a directory of the development stack: one at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from cli.dev import lock
from cli.dev.options import Options
from cli.errors import CommandError
from cli.paths import near


class OccupiedError(CommandError):
    """Another command is at work on the same directory, which `variable` names."""

    def __init__(self, occupant: lock.Occupant, directory: Path, variable: str) -> None:
        super().__init__(
            f"{occupant} is at work on {near(directory)} already"
            + (f", with its API at {occupant.api_url}" if occupant.api_url else "")
            + f"; stop it first, or name another directory by {variable}="
        )
        self.occupant = occupant


@contextmanager
def occupy(options: Options, what: str) -> Iterator[Callable[[str | None], None]]:
    """Claims the data directory (RUN_DIR when there is a DATABASE_URL) until the block ends.

    Yields a function to call when the server is up, with the address of the API if there is one.

    Raises OccupiedError when another command has it.
    """
    embedded = options.database_url is None
    directory, variable = (options.home, "DATA_DIR") if embedded else (options.run_dir, "RUN_DIR")
    with _claimed(lock_path(options), what, directory, variable) as ready:
        yield ready


@contextmanager
def occupy_run_dir(options: Options, what: str) -> Iterator[Callable[[str | None], None]]:
    """Claims RUN_DIR, whatever the database: it has one dev.env. As `occupy` otherwise."""
    path = options.run_dir / "serve.lock"
    with _claimed(path, what, options.run_dir, "RUN_DIR") as ready:
        yield ready


@contextmanager
def _claimed(
    path: Path, what: str, directory: Path, variable: str
) -> Iterator[Callable[[str | None], None]]:
    with ExitStack() as held:
        try:
            ready = held.enter_context(lock.take(path, what))
        except lock.TakenError as error:
            raise OccupiedError(error.occupant, directory, variable) from None
        except OSError as error:
            raise CommandError(
                f"{variable}={directory}: nothing can be written there ({error.strerror}); "
                "name another directory"
            ) from None
        yield ready


def lock_path(options: Options) -> Path:
    if options.database_url is not None:
        return options.run_dir / "stack.lock"
    return options.home.with_name(f"{options.home.name}.stack.lock")
