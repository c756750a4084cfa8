"""Scratch folders: those of dead runners are removed, those of live ones kept."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from worker.scratch import Scratch


def test_scratch_folder_exists_only_while_open(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path / "scratch", "host:1:a")
    scratch.open()
    (scratch.folder / "work").mkdir()
    scratch.close()
    assert not list((tmp_path / "scratch").glob("*/"))


def test_next_runner_removes_folders_of_a_killed_one(tmp_path: Path) -> None:
    left = "import os, sys; from pathlib import Path; from worker.scratch import Scratch;"
    left += "s = Scratch(Path(sys.argv[1]), 'host-1-dead'); s.open();"
    left += "(s.folder / 'work').mkdir(); os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", left, str(tmp_path)], check=False)
    assert (tmp_path / "host-1-dead" / "work").is_dir()
    scratch = Scratch(tmp_path, "host-2-b")
    scratch.open()
    assert [path.name for path in tmp_path.glob("*/")] == ["host-2-b"]
    scratch.close()


def test_folders_of_live_runners_are_kept(tmp_path: Path) -> None:
    one, two = Scratch(tmp_path, "host:1:a"), Scratch(tmp_path, "host:1:b")
    one.open()
    two.open()
    assert one.folder.is_dir()
    assert two.folder.is_dir()
    two.close()
    one.close()
