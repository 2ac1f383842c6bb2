"""A page in a real browser: what it asked the network for, and what it complained of."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ARGUMENTS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
PATIENCE_MS = 120_000                   # plenty for a machine that has much else to do


@contextmanager
def browser() -> Iterator[Any]:
    """Yield a browser; skip where there is none."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    if BROWSER is None:
        pytest.skip("needs a browser: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=BROWSER, args=ARGUMENTS)
        yield opened
        opened.close()


class Visit:
    """A page that is open and drawn: once something matches the selector `drawn`."""

    def __init__(self, opened: Any, path: Path, drawn: str = "body[data-drawn]", **options: Any) -> None:
        self.path = path
        self.context = opened.new_context(**options)
        self.page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda message: self.complaints.append(message.text)
                     if message.type in ("error", "warning") else None)
        self.page.goto(path.as_uri())
        self.page.wait_for_selector(drawn)

    def text(self, selector: str) -> str:
        return str(self.page.inner_text(selector))

    def settled(self, script: str, argument: Any = None) -> None:
        """Wait until `script`, a function, says true."""
        self.page.wait_for_function(script, arg=argument)

    def check(self) -> None:
        """Nothing was complained of, and nothing asked for but the file itself."""
        assert self.complaints == []
        assert [url for url in self.requests if not url.startswith(("data:", "blob:"))] == [self.path.as_uri()]
        self.context.close()
