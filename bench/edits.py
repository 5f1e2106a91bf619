"""How long an edit of the working tree takes until a browser shows it, while `make watch` serves it through the edge."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from playwright.sync_api import Page

from bench.machine import load_of_others
from bench.place import Place
from bench.results import Result
from harness.chromium import chromium
from harness.environment_under_test import run_playbook
from harness.watched_tree import WatchedTree, open_page, watched_tree

ROUNDS = 10
# What somebody who edits has seen before the next edit.
_PAUSE_SECONDS = 1.0
_FRONT_END, _PROGRAM = 2.0, 3.0

_SHOWS = "(text) => document.body.innerText.includes(text)"
_HAS_COLOUR = "(colour) => getComputedStyle(document.querySelector('h1, h2')).color === colour"
_ANSWERS = """async (word) => {
  for (;;) {
    const answer = await fetch("/health", { cache: "no-store" }).catch(() => null);
    if (answer?.ok && (await answer.json()).status === word) return;
    await new Promise((later) => setTimeout(later, 20));
  }
}"""
# A customer who orders again and again, until one of the orders was processed by the edited program: on a day long ago.
_LOGS_IN = """async () => {
  const headers = { "Content-Type": "application/json" };
  const body = JSON.stringify({ email: `${crypto.randomUUID()}@shop.example.com`, password: "correct horse battery staple" });
  await fetch("/api/auth/register", { method: "POST", headers, body });
  window.token = (await (await fetch("/api/auth/login", { method: "POST", headers, body })).json()).token;
}"""
_PROCESSES = """async (year) => {
  const headers = { "Content-Type": "application/json", Authorization: `Bearer ${window.token}` };
  const body = JSON.stringify({ item: "tea", quantity: 1 });
  for (;;) {
    await fetch("/api/orders", { method: "POST", headers: { ...headers, "Idempotency-Key": crypto.randomUUID() }, body });
    await new Promise((later) => setTimeout(later, 50));
    const found = await (await fetch("/api/orders", { headers })).json();
    if (JSON.stringify(found).includes(`"processed_at":"${year}-`)) return;
  }
}"""


@dataclass(frozen=True)
class Edit:
    name: str
    file: str
    # What stands there, and what it becomes in a round.
    old: str
    new: Callable[[int], str]
    seen: Callable[[Page, int], object]
    most_seconds: float


EDITS = (
    Edit(
        "a component of the front end",
        "frontend/src/App.tsx",
        "Echobase <span>Orders</span>",
        lambda number: f"Echobase <span>Orders, edit {number}</span>",
        lambda page, number: page.wait_for_function(_SHOWS, arg=f"Orders, edit {number}", polling="raf"),
        _FRONT_END,
    ),
    Edit(
        "its styles",
        "frontend/src/ui/style.css",
        "  line-height: 1.5;\n  color: var(--text);",
        lambda number: f"  line-height: 1.5;\n  color: rgb({number}, 0, 0);",
        lambda page, number: page.wait_for_function(_HAS_COLOUR, arg=f"rgb({number}, 0, 0)", polling="raf"),
        _FRONT_END,
    ),
    Edit(
        "the gateway",
        "api_gateway/health_routes.py",
        '{"status": "ok", "timestamp"',
        lambda number: f'{{"status": "edit {number}", "timestamp"',
        lambda page, number: page.evaluate(_ANSWERS, f"edit {number}"),
        _PROGRAM,
    ),
    Edit(
        "the processor",
        "order_processor/fulfilment.py",
        "moment = utc.now()\n        processed_at",
        lambda number: f"moment = utc.now().replace(year={1900 + number}, day=1)\n        processed_at",
        lambda page, number: page.evaluate(_PROCESSES, 1900 + number),
        _PROGRAM,
    ),
)


def run(place: Place) -> Result:
    """It wants nothing of the place: it uses environment test, and removes it."""
    del place
    try:
        run_playbook("setup")
        with tempfile.TemporaryDirectory() as folder:
            return measured(Path(folder))
    finally:
        run_playbook("teardown")


def measured(folder: Path) -> Result:
    load = load_of_others()
    began = time.monotonic()
    with chromium() as browser, watched_tree(folder) as tree:
        shown_after = time.monotonic() - began
        page = open_page(browser)
        page.evaluate(_LOGS_IN)
        rows = [_row(edit, list(_seconds(edit, tree, page))) for edit in EDITS]
        began = time.monotonic()
        tree.end()
        gone_after = time.monotonic() - began
    figures = {
        "rounds": ROUNDS,
        "load_of_others": load,
        "shown_after": round(shown_after, 1),
        "gone_after": round(gone_after, 1),
        "rows": rows,
    }
    below = [
        f"{row['name']}: {row['slowest']:.2f} s at the slowest, more than {row['most_seconds']:g} s"
        for row in rows
        if row["slowest"] > row["most_seconds"]
    ]
    return Result("watch", figures, below_aim=below)


def _seconds(edit: Edit, tree: WatchedTree, page: Page) -> Iterator[float]:
    """From the moment when the file is written until the browser has what it became."""
    before = edit.old
    for number in range(1, ROUNDS + 1):
        time.sleep(_PAUSE_SECONDS)
        after = edit.new(number)
        began = time.monotonic()
        tree.edit(edit.file, before, after)
        edit.seen(page, number)
        yield time.monotonic() - began
        before = after
    tree.edit(edit.file, before, edit.old)


def _row(edit: Edit, seconds: list[float]) -> dict[str, Any]:
    print(f"  · {edit.name}: {median(seconds):.2f} s", flush=True)
    return {
        "name": edit.name,
        "seconds": round(median(seconds), 2),
        "fastest": round(min(seconds), 2),
        "slowest": round(max(seconds), 2),
        "most_seconds": edit.most_seconds,
    }
