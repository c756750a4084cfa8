"""Shell completion, version and help."""

from __future__ import annotations

import subprocess
from importlib.metadata import version

import pytest

from tests.support.workspace import PROGRAM, Workspace

# a shell's completion request, and the completions of `typed`
ASKED = {
    "bash": ("complete_bash", {"COMP_WORDS": "{typed}", "COMP_CWORD": "{last}"}),
    "zsh": ("complete_zsh", {"_TYPER_COMPLETE_ARGS": "{typed}"}),
    "fish": (
        "complete_fish",
        {"_TYPER_COMPLETE_ARGS": "{typed}", "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
    ),
}


@pytest.mark.parametrize("shell", ASKED)
def test_each_shell_has_a_script_and_completes(workspace: Workspace, shell: str) -> None:
    script = workspace.ask("completion", shell)
    assert (script.returncode, script.stderr) == (0, "")
    action, variables = ASKED[shell]
    assert f"_INDEX_JOBS_COMPLETE={action}" in script.stdout
    assert all(name in script.stdout for name in variables)
    typed = "index-jobs list --status c"
    values = {name: text.format(typed=typed, last=3) for name, text in variables.items()}
    told = workspace.ask(_INDEX_JOBS_COMPLETE=action, **values)
    assert "cancelled" in told.stdout
    assert "completed" in told.stdout
    assert "pending" not in told.stdout


def test_bash_completes_commands(workspace: Workspace) -> None:
    done = subprocess.run(
        ["bash", "-c", "source <(index-jobs completion bash); COMP_WORDS=(index-jobs wa);"
         " COMP_CWORD=1; _index_jobs_completion index-jobs; echo ${COMPREPLY[@]}"],
        env=workspace.environment | {"PATH": f"{PROGRAM.parent}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("watch\n", "")


def test_unsupported_shell_is_rejected(workspace: Workspace) -> None:
    assert workspace.ask("completion", "tcsh").returncode == 2


def test_version_is_printed(workspace: Workspace) -> None:
    done = workspace.ask("--version")
    assert (done.returncode, done.stdout) == (0, f"index-jobs {version('index-jobs')}\n")
    assert done.stderr == ""


@pytest.mark.parametrize("columns", ["0", "-1", "x", ""])
def test_help_is_shown_for_any_columns_setting(workspace: Workspace, columns: str) -> None:
    assert "index-jobs" in workspace.ask("--help", COLUMNS=columns).stdout
