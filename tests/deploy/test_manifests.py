"""The files of docs/deploy, checked by systemd, schemas and an image build. With --prove."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "docs/deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
INSTALL = "install it: apt-get install debootstrap systemd"


def run(*command: str | Path, **environment: str) -> str:
    if not shutil.which(command[0]):
        pytest.fail(f"{command[0]} is missing; {INSTALL}")
    done = subprocess.run(
        command,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_systemd_accepts_the_unit(path: Path, tmp_path: Path) -> None:
    program = tmp_path / "opt/index-jobs/bin/index-jobs"
    program.parent.mkdir(parents=True)
    program.symlink_to("/bin/true")
    unit = tmp_path / path.name
    unit.write_text(path.read_text().replace("/opt/", f"{tmp_path}/opt/"))
    said = run("systemd-analyze", "verify", "--man=no", unit)
    assert path.name not in said, said


def test_invalid_unit_is_detected(tmp_path: Path) -> None:
    unit = tmp_path / "broken.service"
    unit.write_text(UNITS[0].read_text().replace("ExecStart=", "ExecStarts="))
    with pytest.raises(AssertionError, match=r"broken\.service"):
        run("systemd-analyze", "verify", "--man=no", unit)


def test_manifests_match_their_schemas() -> None:
    tools = Path(sys.executable).parent
    for path in sorted((DEPLOY / "kubernetes").glob("*.yaml")):
        run(tools / "kubernetes-validate", "--strict", path)
    schema = ("--builtin-schema", "vendor.compose-spec")
    run(tools / "check-jsonschema", *schema, DEPLOY / "compose.yaml")


def test_invalid_manifest_is_detected(tmp_path: Path) -> None:
    text = (DEPLOY / "kubernetes/api.yaml").read_text()
    (tmp_path / "api.yaml").write_text(text.replace("replicas: 2", "replicas: two"))
    with pytest.raises(AssertionError):
        run(Path(sys.executable).parent / "kubernetes-validate", "--strict", tmp_path / "api.yaml")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A small Debian from this machine's package mirror, with pip's files."""
    folder = tmp_path_factory.mktemp("image")
    root, wheels = folder / "root", folder / "wheels"
    form = ("--format", "$(SITE) $(RELEASE)")
    site, release = run("apt-get", "indextargets", *form, "Created-By: Packages").split()[:2]
    run("debootstrap", "--variant=minbase", release.partition("-")[0], root, site)
    python = (sys.executable, "-m")
    run(*python, "build", "--wheel", "--no-isolation", "--outdir", folder / "dist", ROOT)
    (wheel,) = (folder / "dist").glob("*.whl")
    run(*python, "pip", "download", "--quiet", "--dest", wheels, f"{wheel}[indexer]")
    shutil.copytree(wheels, root / "wheels")
    shutil.copytree(folder / "dist", root / "context/dist")
    yield root
    shutil.rmtree(root)


def test_image_steps_run_in_a_small_debian_and_it_starts(root: Path) -> None:
    environment = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/wheels"}
    path, user, folder, command = "/usr/sbin:/usr/bin:/sbin:/bin", "root", "/", [""]

    def inside(*words: str) -> subprocess.CompletedProcess[str]:
        as_user = [] if user == "root" else [f"--userspec={user}:{user}"]
        return subprocess.run(
            [
                shutil.which("chroot") or "chroot",
                *as_user,
                root,
                "sh",
                "-c",
                'cd "$0" && exec "$@"',
                folder,
                *words,
            ],
            env={"PATH": path, "HOME": folder} | environment,
            capture_output=True,
            text=True,
            check=False,
        )

    text = re.sub(r"(?m)^#.*\n", "", (DEPLOY / "Containerfile").read_text())
    for line in text.splitlines():
        step, _, rest = line.partition(" ")
        match step:
            case "FROM":
                assert rest == "debian:bookworm-slim"
            case "RUN":
                done = inside("sh", "-c", rest)
                assert done.returncode == 0, done.stdout + done.stderr
            case "COPY":
                source, target = rest.split()
                for file in (root / "context").glob(source):
                    shutil.copy(file, root / target.strip("/"))
            case "USER":
                user = rest
            case "WORKDIR":
                folder = rest
            case "ENV":
                for pair in rest.split():
                    name, _, value = pair.partition("=")
                    environment[name] = value
                path = environment.pop("PATH", path)
            case "CMD":
                command = json.loads(rest)
            case _:
                assert step == "EXPOSE"
    assert command == ["index-jobs", "api"]
    done = inside(*command)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: neither API_DATABASE_URL nor ")
    assert inside("index-jobs", "--version").stdout.startswith("index-jobs ")
    python = "/opt/index-jobs/bin/python"
    assert inside(python, "-P", "-c", "import worker.indexer.parsers").returncode == 0
    assert inside("git", "--version").returncode == 0
