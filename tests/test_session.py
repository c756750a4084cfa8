"""Test runs with skipped or hanging tests."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
NEEDS = "import threading\nimport pytest\n"


def run(folder: Path, test: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Runs this test and one that passes, with the settings and conftest.py of this project."""
    (folder / "test_it.py").write_text(NEEDS + test)
    (folder / "test_other.py").write_text("def test_other(): pass")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-c",
        ROOT / "pyproject.toml",
        "-p",
        "tests.conftest",
    ]
    return subprocess.run(
        [*command, "-p", "no:cacheprovider", f"--rootdir={folder}", *options, folder],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("options", [(), ("-n", "1")], ids=["one process", "xdist"])
@pytest.mark.parametrize(
    ("test", "code"),
    [
        # these skip and xfail on purpose, in a separate run that must therefore fail
        ("def test_it(): pass", 0),
        ("def test_it(): pytest.skip()", 1),
        ("pytest.skip(allow_module_level=True)", 1),
        ("@pytest.mark.xfail\ndef test_it(): assert False", 1),
        ("@pytest.mark.xfail\ndef test_it(): pass", 1),
        ("def test_it(subtests):\n    with subtests.test(): pytest.skip()", 1),
    ],
    ids=["passed", "skipped", "skipped file", "xfailed", "xpassed", "skipped subtest"],
)
def test_run_with_skipped_or_xfailed_tests_fails(
    tmp_path: Path, test: str, code: int, options: tuple[str, ...]
) -> None:
    done = run(tmp_path, test, *options)
    assert done.returncode == code, done.stdout


def test_hanging_test_fails_with_the_stacks_of_its_threads(tmp_path: Path) -> None:
    done = run(
        tmp_path,
        "def forever(event): event.wait()\n"
        "def test_it():\n"
        "    thread = threading.Thread(target=forever, args=[threading.Event()], daemon=True)\n"
        "    thread.start()\n"
        "    thread.join()\n",
        "--timeout=1",
    )
    assert done.returncode == 1
    assert "Timeout (>1.0s)" in done.stdout
    assert "in forever" in done.stdout + done.stderr


@pytest.mark.parametrize(("options", "seconds"), [((), 300), (("--prove",), 3600)])
def test_every_test_has_a_timeout(tmp_path: Path, options: tuple[str, ...], seconds: int) -> None:
    done = run(tmp_path, "def test_it(): pass", *options)
    assert f"timeout: {seconds}.0s" in done.stdout
