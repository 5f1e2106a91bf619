"""`make watch` on a copy of the order system's sources in environment test, as a developer starts it, edits, and ends it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Error, Page

from harness.environment_under_test import CHECKOUT, INVENTORY, TEST
from harness.waiting import eventually

PATIENCE_SECONDS = 240.0
_SHOWN = "shows the working tree, and each edit at once"
_CONNECTED = "[vite] connected."


class WatchedTree:
    def __init__(self, folder: Path, further: str = "") -> None:
        self.apps = folder / "apps"
        shutil.copytree(CHECKOUT / "apps", self.apps, ignore=shutil.ignore_patterns("node_modules", "__pycache__"))
        with (self.apps / "orders" / "compose.watch.yml").open("a") as watch_file:
            watch_file.write(further)
        self._log = folder / "watch.log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "tools/watch", f"../{INVENTORY.relative_to(CHECKOUT)}", "-e", f"echobase_application={self._file}"],
                cwd=CHECKOUT,
                env=os.environ | {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg")},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # A terminal signals whatever runs in it, and nothing else here.
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        return self._log.read_text()

    @property
    def files(self) -> dict[str, str]:
        return {str(path.relative_to(self.apps)): path.read_bytes().hex() for path in self.apps.rglob("*") if path.is_file()}

    def await_shown(self) -> None:
        eventually(lambda: _SHOWN in self.output or self.process.poll() is not None, lambda: self.output, PATIENCE_SECONDS)
        assert self.process.poll() is None, self.output

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.apps / file
        text = path.read_text()
        assert text.count(old) == 1, f"{file} has {text.count(old)} times: {old}"
        path.write_text(text.replace(old, new))

    def end(self, number: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_SECONDS)

    @property
    def _file(self) -> Path:
        return self.apps / "orders" / "compose.yml"


@contextmanager
def watched_tree(folder: Path, further: str = "") -> Iterator[WatchedTree]:
    """`further` is added to the file that says how services run while they are edited."""
    tree = WatchedTree(folder, further)
    try:
        tree.await_shown()
        yield tree
    finally:
        if tree.process.poll() is None:
            tree.end()


def open_page(browser: Browser) -> Page:
    """The working tree's page, once it is told of edits. Networks that came a moment ago make the browser begin anew."""
    context = browser.new_context(base_url=f"https://localhost:{TEST.edge_port}", ignore_https_errors=True)
    page = context.new_page()

    def opened() -> bool:
        try:
            with page.expect_console_message(lambda message: _CONNECTED in message.text, timeout=10_000):
                page.goto("/")
        except Error:
            return False
        return True

    eventually(opened, "the page is told of edits")
    return page
