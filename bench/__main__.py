"""python -m bench [NAME ...]   measure these, or all; python -m bench page   only write docs/reference/benchmarks.md anew"""

from __future__ import annotations

import signal
import sys
import time
import traceback
from collections.abc import Callable

from run import playbook

from bench import (
    backup_speed,
    canary,
    database_load,
    edits,
    gateway,
    idle,
    machine,
    million,
    no_op,
    online_change,
    over_ssh,
    page,
    playbook_pairs,
    restore_points,
    results,
    switching,
    telemetry,
    throughput,
    watching,
)
from bench.place import Place, prepared_place
from bench.results import Result

BENCHMARKS: dict[str, Callable[[Place], Result]] = {
    "throughput": throughput.run,
    "switching": switching.run,
    "canary": canary.run,
    "million": million.run,
    "online_change": online_change.run,
    "restore_points": restore_points.run,
    "database_load": database_load.run,
    "backup_speed": backup_speed.run,
    "no_op": no_op.run,
    "over_ssh": over_ssh.run,
    "playbook_pairs": playbook_pairs.run,
    "telemetry": telemetry.run,
    "gateway": gateway.run,
    "watching": watching.run,
    "watch": edits.run,
    "idle": idle.run,
}


def main(arguments: list[str]) -> int:
    if arguments == ["page"]:
        page.write()
        return 0
    unknown = set(arguments) - set(BENCHMARKS)
    if unknown:
        sys.exit(f"bench: unknown benchmark {', '.join(sorted(unknown))} - choose from {', '.join(BENCHMARKS)}, page")
    # To be ended is to be stopped: containers are removed.
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    playbook("tests/prepare.yml")
    try:
        return measure(arguments or list(BENCHMARKS))
    except KeyboardInterrupt:
        print("\nbench: stopped; what was measured before is kept", flush=True)
        return 130


def measure(names: list[str]) -> int:
    failed: list[str] = []
    below: list[str] = []
    with prepared_place() as place:
        facts = machine.facts(place.images)
        for name in names:
            print(f"\n== {name} (load of others: {machine.load_of_others()})", flush=True)
            began = time.monotonic()
            try:
                result = BENCHMARKS[name](place)
            except Exception:
                # The others are measured all the same.
                traceback.print_exc()
                failed.append(f"{name}: could not be measured")
                continue
            results.keep(result, facts, time.monotonic() - began)
            print(page.section(name), flush=True)
            failed += [f"{name}: {what}" for what in result.broken]
            below += [f"{name}: {what}" for what in result.below_aim]
    page.write()
    for what in below:
        print(f"  below the aim - {what}")
    for what in failed:
        print(f"  FAILED - {what}")
    print(f"\n{'FAILED' if failed else 'ok'}; the tables are in {page.PATH.relative_to(machine.CHECKOUT)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
