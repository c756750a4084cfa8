"""Scratch folders: nothing of a dead runner stays, nothing of a live one goes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from worker.scratch import Scratch


def test_the_folder_is_there_while_it_is_open_and_gone_after(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path / "scratch", "host:1:a")
    scratch.open()
    (scratch.folder / "work").mkdir()
    scratch.close()
    assert not list((tmp_path / "scratch").glob("*/"))


def test_the_next_runner_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    left = "import os, sys; from pathlib import Path; from worker.scratch import Scratch;"
    left += "s = Scratch(Path(sys.argv[1]), 'host-1-dead'); s.open();"
    left += "(s.folder / 'work').mkdir(); os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", left, str(tmp_path)], check=False)
    assert (tmp_path / "host-1-dead" / "work").is_dir()
    scratch = Scratch(tmp_path, "host-2-b")
    scratch.open()
    assert [path.name for path in tmp_path.glob("*/")] == ["host-2-b"]
    scratch.close()


def test_runners_that_live_are_left_alone(tmp_path: Path) -> None:
    one, two = Scratch(tmp_path, "host:1:a"), Scratch(tmp_path, "host:1:b")
    one.open()
    two.open()
    assert one.folder.is_dir()
    assert two.folder.is_dir()
    two.close()
    one.close()
