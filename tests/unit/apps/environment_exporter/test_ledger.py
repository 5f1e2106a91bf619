"""The ledger as metrics: written by the real one, long, cut, changed and begun anew."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.environment import ledger as real
from environment_exporter.ledger import Ledger

ENOUGH = 10_000


def entry(event: str, colour: str = "", release: str = "", **details: Any) -> dict[str, Any]:
    return real.new_entry(event, colour, release, details, by="anna")


def samples(ledger: Ledger) -> dict[str, float]:
    lines = [line.rpartition(" ") for line in ledger.read().lines() if not line.startswith("#")]
    return {name.removeprefix("echobase_"): float(value) for name, _, value in lines}


def write_long(path: Path, count: int) -> None:
    """As the real one would, which proves the whole chain with each entry."""
    previous, lines = "0" * 64, []
    for number in range(count):
        one = {**entry("deployed", "blue", f"0.1.0-{number:08x}"), "previous": previous}
        previous = hashlib.sha256(json.dumps(one, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
        lines.append(json.dumps({**one, "hash": previous}, sort_keys=True))
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture
def written(tmp_path: Path) -> real.Ledger:
    return real.Ledger(tmp_path / "ledger.jsonl")


def test_events_are_counted_from_nothing(written: real.Ledger) -> None:
    ledger = Ledger(written.path)
    written.append(entry("deployed", "blue", "0.1.0-1"))
    assert samples(ledger)['release_events_total{event="rolled_back"}'] == 0
    written.append(entry("rolled_back", "blue", "0.1.0-1"))
    written.append(entry("rolled_back", "blue", "0.1.0-1"))
    seen = samples(ledger)
    assert (seen['release_events_total{event="rolled_back"}'], seen['release_events_total{event="deployed"}']) == (2, 1)


def test_a_colour_has_the_release_that_was_deployed_last_and_not_removed(written: real.Ledger) -> None:
    ledger = Ledger(written.path)
    for event, colour, release in (("deployed", "blue", "0.1.0-1"), ("deployed", "green", "0.1.0-2"), ("deployed", "blue", "0.2.0-3")):
        written.append(entry(event, colour, release))
    assert {name for name in samples(ledger) if name.startswith("colour_info")} == {
        'colour_info{colour="blue",release="0.2.0-3",version="0.2.0"}',
        'colour_info{colour="green",release="0.1.0-2",version="0.1.0"}',
    }
    written.append(entry("removed", "green", "0.1.0-2"))
    assert 'colour_info{colour="green",release="0.1.0-2",version="0.1.0"}' not in samples(ledger)


def test_an_event_has_its_moment_and_its_trace(written: real.Ledger) -> None:
    sealed = written.append(entry("promoted", "blue", "0.1.0-1", trace_id="0af7651916cd43dd8448eb211c80319c"))
    seen = samples(Ledger(written.path))
    at = datetime.fromisoformat(sealed["at"]).timestamp()
    assert seen['release_event_timestamp_seconds{event="promoted",colour="blue",release="0.1.0-1"}'] == at
    name = 'release_event_trace_info{event="promoted",colour="blue",release="0.1.0-1",trace_id="0af7651916cd43dd8448eb211c80319c"}'
    assert seen[name] == 1


def test_of_a_long_ledger_only_the_newest_events_are_shown_and_all_are_counted(written: real.Ledger) -> None:
    write_long(written.path, ENOUGH)
    ledger = Ledger(written.path)
    seen = samples(ledger)
    moments = [name for name in seen if name.startswith("release_event_timestamp")]
    assert len(moments) == 50
    assert f'release="0.1.0-{ENOUGH - 1:08x}"' in "".join(moments)
    assert seen['release_events_total{event="deployed"}'] == ENOUGH
    # A scrape that finds one more entry reads that alone.
    written.append(entry("promoted", "blue", f"0.1.0-{ENOUGH - 1:08x}"))
    began = perf_counter()
    assert samples(ledger)['release_events_total{event="promoted"}'] == 1
    assert perf_counter() - began < 0.05


def test_a_ledger_that_is_begun_anew_is_counted_anew(written: real.Ledger) -> None:
    ledger = Ledger(written.path)
    for _ in range(3):
        written.append(entry("deployed", "blue", "0.1.0-1"))
    samples(ledger)
    written.path.rename(written.path.with_suffix(".damaged"))
    for _ in range(4):
        written.append(entry("deployed", "green", "0.1.0-2"))
    assert samples(ledger)['release_events_total{event="deployed"}'] == 4


@pytest.mark.parametrize("line", ["{", "[]", '{"event": "deployed"}', ""])
def test_a_line_that_is_none_is_refused_until_it_is_repaired(written: real.Ledger, line: str) -> None:
    ledger = Ledger(written.path)
    written.append(entry("deployed", "blue", "0.1.0-1"))
    samples(ledger)
    whole = written.path.read_text()
    written.path.write_text(f"{whole}{line}\n")
    with pytest.raises((ValueError, LookupError, TypeError)):
        ledger.read()
    written.path.write_text(whole)
    assert samples(ledger)['release_events_total{event="deployed"}'] == 1


def test_a_line_that_was_cut_out_is_noticed(written: real.Ledger) -> None:
    for number in range(3):
        written.append(entry("deployed", "blue", f"0.1.0-{number}"))
    first, _cut, last = written.path.read_text().splitlines()
    written.path.write_text(f"{first}\n{last}\n")
    with pytest.raises(ValueError, match="does not fit"):
        Ledger(written.path).read()
