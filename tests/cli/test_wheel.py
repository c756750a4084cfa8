"""The installed wheel works in an environment without the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a new environment with the wheel.

    With --prove pip installs its declared dependencies. Otherwise it uses those of the tests.
    """
    folder = tmp_path_factory.mktemp("wheel")
    build = ["-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT]
    run(sys.executable, *build)
    (wheel,) = folder.glob("*.whl")
    proving = request.config.getoption("--prove")
    venv.create(folder / "venv", with_pip=proving)
    python = folder / "venv/bin/python"
    if proving:
        run(python, "-m", "pip", "install", "--quiet", f"{wheel}[embedded,indexer]")
    else:
        # .pth files in a path that a .pth file adds are ignored, including that of the checkout
        (site,) = (folder / "venv").glob("lib/python*/site-packages")
        (site / "tests.pth").write_text(sysconfig.get_path("purelib"))
        run(sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", wheel)
    return python.parent


def run(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    done = subprocess.run(
        command, cwd="/", env=clean | environment, capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


def test_wheel_has_every_command(installed: Path) -> None:
    done = run(installed / "index-jobs", "--help")
    assert done.returncode == 0, done.stderr
    for command in ("index", "keys", "api", "work", "migrate", "supabase", "serve"):
        assert f" {command} " in done.stdout


@pytest.mark.parametrize("command", ["api", "work", "serve"])
def test_invalid_setting_is_a_one_line_error(installed: Path, tmp_path: Path, command: str) -> None:
    environment = {"RUNNER_CONCURRENCY": "two", "RUN_DIR": str(tmp_path)}
    done = run(installed / "index-jobs", command, **environment)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith("error: RUNNER_CONCURRENCY=two: ")


def test_wheel_contains_the_pages(installed: Path) -> None:
    script = """if True:
        from api.openapi.document import document
        from api.openapi.page import docs_page
        from api.pages.files import shells, static_files
        print(*shells("", is_development=True), *static_files())
        print(docs_page(document("", has_rest=True)).content[:15].decode())
    """
    done = run(installed / "python", "-c", script)
    files = "list job docs.css icon.svg page.css page.js"
    assert done.stdout.splitlines() == [files, "<!doctype html>"], done.stderr


@pytest.mark.parametrize("package", ["bench", "tests"])
def test_wheel_contains_no_tests_or_benchmarks(installed: Path, package: str) -> None:
    assert run(installed / "python", "-c", "import api, cli, db, worker").returncode == 0
    found = run(
        installed / "python",
        "-c",
        f"from importlib.util import find_spec; print(find_spec({package!r}))",
    )
    assert found.stdout == "None\n"
