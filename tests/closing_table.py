"""What a run of tests closes with: a line for each suite and area, the ten slowest tests, and one line that counts."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from areas import area_of_test

SLOWEST = 10


@dataclass(frozen=True)
class Test:
    file: str
    name: str
    # passed, failed or skipped.
    outcome: str
    seconds: float


@dataclass
class Suite:
    """One line of the table if its tests have no areas, else one for each area."""

    name: str
    tests: list[Test] = field(default_factory=list)
    # From its first test's start to its last test's end; suites run beside each other.
    seconds: float = 0.0


def tests_of_report(report: Path, exit_code: int) -> list[Test]:
    """What pytest wrote about a run, or that it wrote nothing."""
    if not report.exists():
        return [Test("", f"{report.stem}: pytest ended with exit code {exit_code} and left no report", "failed", 0.0)]
    tests = []
    for node in ElementTree.parse(report).getroot().iter("testcase"):
        kinds = {child.tag for child in node}
        outcome = "failed" if kinds & {"failure", "error"} else "skipped" if "skipped" in kinds else "passed"
        tests.append(Test(node.get("file") or "", node.get("name") or "", outcome, float(node.get("time") or 0)))
    # Exit code 5: every test was left to another ring.
    if exit_code not in (0, 5) and all(test.outcome != "failed" for test in tests):
        tests.append(Test("", f"{report.stem}: pytest ended with exit code {exit_code}", "failed", 0.0))
    return tests


def close(suites: list[Suite], left_out: list[str], output: Path) -> int:
    """Prints the table and gives the exit code of the whole run."""
    tests = [test for suite in suites for test in suite.tests]
    passed, failed, skipped = _counts(tests)
    print(f"\n  {'suite':<14} {'area':<14} {'tests':>6} {'passed':>7} {'failed':>7} {'skipped':>8} {'seconds':>8}")
    for suite in suites:
        for area, line in _lines(suite).items():
            print(f"  {suite.name:<14} {area:<14} {line}")
    print("  The seconds of an area are those of its tests, of which several ran at once; the others are from start to end.")
    print(f"\n  the {SLOWEST} slowest tests")
    for test in sorted(tests, key=lambda test: test.seconds, reverse=True)[:SLOWEST]:
        print(f"  {test.seconds:8.0f} s  {test.file or '-'}  {test.name}")
    if failed:
        print("\n  failed")
        print("\n".join(f"  ✗ {test.file or '-'}  {test.name}" for test in tests if test.outcome == "failed"))
    if left_out:
        print("\n  not run, for want of time; `make test-all` runs them")
        print("\n".join(f"  - {name}" for name in left_out))
    (output / "summary.json").write_text(json.dumps([asdict(suite) for suite in suites], indent=1))
    print(f"\n{passed} passed, {failed} failed, {skipped} skipped", flush=True)
    return 1 if failed or not passed else 0


def _counts(tests: list[Test]) -> list[int]:
    """How many passed, failed and were skipped."""
    return [sum(test.outcome == outcome for test in tests) for outcome in ("passed", "failed", "skipped")]


def _lines(suite: Suite) -> dict[str, str]:
    def line(tests: list[Test], seconds: float) -> str:
        passed, failed, skipped = _counts(tests)
        return f"{len(tests):6d} {passed:7d} {failed:7d} {skipped:8d} {seconds:8.0f}"

    areas: dict[str, list[Test]] = {}
    for test in suite.tests:
        areas.setdefault(area_of_test(test.file) if test.file else "", []).append(test)
    if set(areas) <= {"", "every area"}:
        return {"": line(suite.tests, suite.seconds)}
    parts = {area or "-": line(tests, sum(test.seconds for test in tests)) for area, tests in sorted(areas.items())}
    return {"": line(suite.tests, suite.seconds), **parts}
