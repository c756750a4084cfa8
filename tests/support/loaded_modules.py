"""The modules that a running command has loaded, reported by its own process."""

from __future__ import annotations

from pathlib import Path

# Python runs sitecustomize in each process that it starts
_SITECUSTOMIZE = """
import os, signal, sys
def tell(number, frame):
    path = os.environ["LOADED_MODULES"]
    with open(path + ".part", "w") as file:
        file.write("\\n".join(sorted(sys.modules)))
    os.replace(path + ".part", path)
if "LOADED_MODULES" in os.environ:
    signal.signal(signal.SIGUSR2, tell)
"""


def record_modules(folder: Path) -> dict[str, str]:
    """Returns variables with which Python writes its modules to `folder`/modules on SIGUSR2."""
    (folder / "sitecustomize.py").write_text(_SITECUSTOMIZE)
    return {"PYTHONPATH": str(folder), "LOADED_MODULES": str(folder / "modules")}
