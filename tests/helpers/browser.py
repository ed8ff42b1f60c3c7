"""Debian's Chromium, driven by Playwright in a separate thread.

Playwright's synchronous API keeps an event loop running in its thread; in the main thread, no asynchronous test could
run afterwards.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from playwright.sync_api import Page

T = TypeVar("T")
STARTED_S, PATIENCE_S = 120.0, 600.0
"""Seconds for one step and for a whole test: so long that they only stop a broken one."""
MISSING = "no Chromium: apt-get install chromium"


def find() -> str | None:
    """Path of the program, or None."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


class Browser:
    """One browser for many tests; each test gets a page without cookies."""

    def __init__(self, program: str) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="browser")
        self._thread.submit(self._start, program).result(STARTED_S)

    def run(self, work: Callable[[Page], T], **context: Any) -> T:
        """Run ``work`` on a new page; a request to another host or an error in the console fails it."""
        return self._thread.submit(self._run, work, context).result(PATIENCE_S)

    def close(self) -> None:
        self._thread.submit(self._stop).result(STARTED_S)
        self._thread.shutdown()

    def _start(self, program: str) -> None:
        from playwright.sync_api import sync_playwright

        self._playwright = sync_playwright().start()
        # a GPU in software computes in idleness
        words = ["--no-sandbox", "--disable-gpu", "--disable-software-rasterizer"]
        self._browser = self._playwright.chromium.launch(executable_path=program, args=words)

    def _stop(self) -> None:
        self._browser.close()
        self._playwright.stop()

    def _run(self, work: Callable[[Page], T], context: dict[str, Any]) -> T:
        made = self._browser.new_context(**context)
        faults: list[str] = []
        try:
            page = made.new_page()
            page.set_default_timeout(1000 * STARTED_S)
            page.on("console", lambda one: faults.append(one.text) if one.type in ("error", "warning") else None)
            page.on("pageerror", lambda one: faults.append(str(one)))
            page.on("request", lambda one: None if "//127.0.0.1:" in one.url else faults.append(one.url))
            found = work(page)
        finally:
            made.close()
        assert [one for one in faults if not one.startswith("data:")] == []
        return found
