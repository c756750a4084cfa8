"""A headless Chromium for the length of a block."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.support.fetch import chromium

REBOUND = "rebound.example"
"""A foreign host name that resolves to this machine."""


@contextmanager
def launched() -> Iterator[Browser]:
    """Launches the fetched Chromium, or the one that CHROMIUM names.

    Meanwhile its event loop runs in the thread of the caller.
    """
    environment: dict[str, str | float | bool] = dict(os.environ)
    if "CHROMIUM" in os.environ:
        program = Path(os.environ["CHROMIUM"])
    else:
        folder = chromium()
        program = folder / "chromium"
        environment |= {
            "LD_LIBRARY_PATH": str(folder / "lib"),
            "FONTCONFIG_FILE": str(folder / "fonts.conf"),
        }
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program,
            args=["--no-sandbox", f"--host-resolver-rules=MAP {REBOUND} 127.0.0.1"],
            env=environment,
        )
        yield browser
        browser.close()
