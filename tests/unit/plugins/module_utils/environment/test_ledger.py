from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.environment.ledger import Ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    ledger = Ledger(tmp_path / "ledger.jsonl")
    for colour in ("blue", "green", "blue"):
        ledger.append({"event": "deployed", "colour": colour})
    return ledger


def test_entries_come_back_in_order_and_chained(ledger: Ledger) -> None:
    entries = ledger.entries()
    assert [entry["colour"] for entry in entries] == ["blue", "green", "blue"]
    assert [entry["previous"] for entry in entries[1:]] == [entry["hash"] for entry in entries[:-1]]


def test_no_file_is_an_empty_ledger(tmp_path: Path) -> None:
    assert Ledger(tmp_path / "none.jsonl").entries() == []


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda lines: [lines[0].replace("blue", "green"), *lines[1:]], id="changed"),
        pytest.param(lambda lines: [lines[0], lines[2]], id="cut"),
        pytest.param(lambda lines: [*lines[:2], lines[2][:20]], id="torn"),
        pytest.param(lambda lines: [lines[1], lines[0], lines[2]], id="reordered"),
    ],
)
def test_a_changed_ledger_is_noticed_and_not_written_to(ledger: Ledger, damage: object) -> None:
    lines = ledger.path.read_text().splitlines()
    ledger.path.write_text("\n".join(damage(lines)) + "\n")  # type: ignore[operator]
    before = ledger.path.read_bytes()
    with pytest.raises(Refusal, match="line"):
        ledger.append({"event": "removed", "colour": "blue"})
    assert ledger.path.read_bytes() == before
