"""`make test` and its longer sisters: prepares the machine, runs suites in environment test and closes with a table.

tests/run.py                        the short tests of every area: `make test`
tests/run.py --changed [--until S]  the long tests of the areas whose files changed, none begun after S seconds: `make test-changed`
tests/run.py --all                  everything: `make test-all`
tests/run.py unit integration       only these suites
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import ansible_sanity
from areas import AREAS, base_of_change, changed_areas, changed_files, is_below
from closing_table import Suite, Test, close, tests_of_report

CHECKOUT = Path(__file__).resolve().parents[1]
OUTPUT = CHECKOUT / "tests" / "output"
BIN = CHECKOUT / ".venv" / "bin"
ENVIRONMENT = os.environ | {
    "PATH": f"{BIN}:{os.environ['PATH']}",
    "PYTHONPATH": f"{CHECKOUT / '.collections'}:{CHECKOUT / 'tests'}",
    "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"),
}


@dataclass
class Ring:
    """Which tests a run is about. What is left out for want of time is listed at the end."""

    # What pytest is told to choose: short tests, long ones, or all of them.
    marks: str = "not long"
    areas: tuple[str, ...] = tuple(AREAS)
    # By the clock of time.monotonic; no further file of tests is begun after it.
    deadline: float = float("inf")
    left_out: list[str] = field(default_factory=list)

    def has(self, file: Path) -> bool:
        name = file.relative_to(CHECKOUT).as_posix()
        is_long = "mark.long" in file.read_text()
        return (self.marks != "long" or is_long) and any(is_below(name, AREAS[area].paths) for area in self.areas)

    def has_time_for(self, name: str) -> bool:
        if time.monotonic() < self.deadline:
            return True
        self.left_out.append(name)
        return False


def say(text: str) -> None:
    print(text, flush=True)


def commands(suite: str, *lines: tuple[str, ...]) -> list[Test]:
    """Each command is one test: it passes when it exits with 0."""
    tests = []
    for line in lines:
        folder = CHECKOUT / "apps" / "frontend" if line[0] == "npm" else CHECKOUT
        say(f"  · {' '.join(line)}")
        start = time.monotonic()
        code = subprocess.run(line, cwd=folder, env=ENVIRONMENT, stdin=subprocess.DEVNULL, check=False).returncode
        if code != 0:
            say(f"  ✗ {suite}: {' '.join(line)}")
        tests.append(Test("", " ".join(line), "passed" if code == 0 else "failed", time.monotonic() - start))
    return tests


def pytest(name: str, ring: Ring, paths: Iterable[Path]) -> list[Test]:
    report = OUTPUT / f"{name}.xml"
    report.unlink(missing_ok=True)
    line = [
        str(BIN / "python"),
        "-m",
        "pytest",
        "-q",
        "-m",
        ring.marks,
        "-o",
        "junit_family=xunit1",
        f"--junit-xml={report}",
        *map(str, paths),
    ]
    code = subprocess.run(line, cwd=CHECKOUT, env=ENVIRONMENT, stdin=subprocess.DEVNULL, check=False).returncode
    return tests_of_report(report, code)


def files_below(*folders: str) -> list[Path]:
    return sorted(file for folder in folders for file in (CHECKOUT / "tests" / folder).rglob("test_*.py"))


def pytest_files(name: str, ring: Ring, files: list[Path]) -> list[Test]:
    """One process for all of them, or one for each where the run may have to end in between."""
    files = [file for file in files if ring.has(file)]
    if not files:
        return []
    if ring.deadline == float("inf"):
        return pytest(name, ring, files)
    return [
        test
        for file in files
        if ring.has_time_for(file.relative_to(CHECKOUT).as_posix())
        for test in pytest(f"{name}-{file.stem.removeprefix('test_')}", ring, [file])
    ]


def lint(ring: Ring) -> list[Test]:
    tests = commands(
        "lint",
        ("ruff", "check", "."),
        ("ruff", "format", "--check", "."),
        ("lint-imports", "--no-logo", "--no-cache"),
        ("mypy", "plugins/module_utils", "plugins/filter", "plugins/lookup"),
        (
            "mypy",
            "apps/orders",
            "apps/api_gateway",
            "apps/operators_desk",
            "apps/environment_exporter",
            "apps/order_processor",
            "apps/migrations",
        ),
        ("mypy", "images/mariadb/backups"),
        ("yamllint", "--strict", "."),
        ("ansible-lint", "--offline", "--strict", "-q"),
        ("npm", "ci", "--no-fund", "--no-audit", "--silent"),
        ("npm", "run", "--silent", "typecheck"),
        ("npm", "run", "--silent", "lint"),
        ("npm", "test", "--silent"),
        *_console(ring),
    )
    return tests if ring.marks == "not long" else [*tests, ansible_test()]


def _console(ring: Ring) -> list[tuple[str, ...]]:
    """Its packages alone take a minute, so a run of the short tests looks at it only where it changed."""
    if ring.marks == "not long" and not any(is_below(file, ("apps/console/",)) for file in changed_files(base_of_change())):
        return []
    npm = ("npm", "--prefix", "../console")
    return [
        (*npm, "ci", "--no-fund", "--no-audit", "--silent"),
        (*npm, "run", "--silent", "typecheck"),
        (*npm, "run", "--silent", "lint"),
        (*npm, "test", "--silent"),
    ]


def ansible_test() -> Test:
    """It takes minutes, so it belongs to the long tests."""
    say("  · ansible-test sanity")
    start = time.monotonic()
    command = [str(BIN / "python"), "tests/ansible_sanity.py"]
    code = subprocess.run(command, cwd=CHECKOUT, env=ENVIRONMENT, stdin=subprocess.DEVNULL, check=False).returncode
    outcome = {0: "passed", ansible_sanity.WITHOUT_TOOLS: "skipped"}.get(code, "failed")
    return Test("", "ansible-test sanity", outcome, time.monotonic() - start)


# Files that must not run beside each other, since they use the same names and ports: two groups have parts of environment test for
# themselves, the others have names of their own. Files that stand in no group form one for each area. What takes longest comes first.
GROUPS = {
    "databases": (
        *("database_accounts", "database_entrypoint", "encryption_at_rest", "durable_db_kills"),
        *("mariadb_backups", "durable_db_backup"),
    ),
    "restores": ("postgres_backups", "durable_db_restore", "db_migration", "online_change"),
    "environment-durable": (
        *("durable_db", "older_majors", "networks", "operators_desk_role", "secrets", "certificates", "backup_modules"),
        *("durable_cache", "signals", "redaction", "observability_role", "faults", "floods", "alerts_are_told"),
        *("databases_watched", "full_disks", "own_backend"),
    ),
    "environment-traffic": (
        *("edge_role", "bluegreen_switch", "traffic_playbooks", "several_edges", "one_release_at_a_time", "watch_playbook"),
    ),
    "changes": ("replica", "database_upgrade", "key_rotation", "clock_jump"),
}
# More than cores, since most of their time is waiting for containers; but who waits too long for a core fails.
AT_ONCE = 3


def integration(ring: Ring) -> list[Test]:
    groups: dict[str, list[Path]] = {name: [] for name in GROUPS}
    for file in files_below("integration"):
        own = next((name for name, stems in GROUPS.items() if file.stem.removeprefix("test_") in stems), f"rest-{file.parent.name}")
        groups.setdefault(own, []).append(file)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        parts = list(pool.map(lambda name: pytest_files(f"integration-{name}", ring, groups[name]), groups))
    return [test for part in parts for test in part]


def molecule(ring: Ring) -> list[Test]:
    """Whole scenarios belong to the long tests."""
    scenarios = [AREAS[area].scenario for area in ring.areas if AREAS[area].scenario and ring.marks != "not long"]
    lines = [("molecule", "test", "--scenario-name", name) for name in scenarios if ring.has_time_for(f"molecule {name}")]
    return commands("molecule", *lines)


SUITES: dict[str, Callable[[Ring], list[Test]]] = {
    "lint": lint,
    "unit": lambda ring: pytest("unit", ring, [CHECKOUT / "tests" / "unit"]),
    "integration": integration,
    "molecule": molecule,
    # The load on the deployed system runs with the tests that deploy it; the others bring their own edge.
    "load": lambda ring: pytest_files("load", ring, files_below("load/edge")),
    "e2e": lambda ring: pytest_files("e2e", ring, files_below("e2e", "load/releases")),
    "chaos": lambda ring: pytest_files("chaos", ring, files_below("chaos")),
}
# What runs side by side: neither needs the machine for itself, and at most one of them uses environment test.
STAGES = (("lint", "unit", "load"), ("integration",), ("molecule",), ("e2e",), ("chaos",))
# What only a run of everything or of the short tests does.
WITHOUT_AREAS = ("lint", "unit")


def neighbours() -> dict[str, object]:
    """What a developer's own environments look like: their containers and volumes, and every file of their state but logs and sessions."""
    import docker  # noqa: PLC0415 - only after the engine was prepared

    from ansible_collections.echobase.platform.plugins.module_utils.environment.database_places import ENGINES  # noqa: PLC0415
    from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import environment  # noqa: PLC0415
    from harness.environment_under_test import kept_files  # noqa: PLC0415

    client = docker.from_env()
    seen: dict[str, object] = {}
    for env in (environment("devlocal"), environment("ci")):
        projects = [env.durable_project, *(colour.project for colour in env.colours.values())]
        for container in client.containers.list(all=True):
            if container.labels.get("com.docker.compose.project") in projects:
                seen[container.name] = [container.id, container.attrs["State"]["StartedAt"], container.status]
        databases = [env.server(engine).volume for engine in ENGINES]
        seen |= {volume.name: volume.attrs["CreatedAt"] for volume in client.volumes.list() if volume.name in databases}
        for file in kept_files(env):
            if file.is_file() and not file.is_symlink():
                seen[str(file)] = hashlib.sha256(file.read_bytes()).hexdigest()
    return seen


def survival(before: dict[str, object]) -> list[Test]:
    name = "the environments of this machine's user are untouched"
    if not before:
        say("  · no devlocal or ci environment stands on this machine: nothing to compare")
        return [Test("", name, "skipped", 0.0)]
    after = neighbours()
    touched = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
    for name in touched:
        say(f"  ✗ the tests touched {name}: {before.get(name)} became {after.get(name)}")
    return [Test("", name, "failed" if touched else "passed", 0.0)]


def playbook(path: str) -> None:
    command = [str(BIN / "ansible-playbook"), "-i", "tests/inventory", path]
    if subprocess.run(command, cwd=CHECKOUT, env=ENVIRONMENT, stdin=subprocess.DEVNULL, check=False).returncode != 0:
        sys.exit(f"{path} failed: this machine is not ready for the tests, see above")


def prepare() -> list[Test]:
    playbook("tests/prepare.yml")
    return clear()


def clear() -> list[Test]:
    """No trace of environment test and of what tests made beside it: neither of an earlier run that was interrupted, nor of this one."""
    start = time.monotonic()
    playbook("molecule/default/destroy.yml")
    remove_strangers()
    return [Test("", "nothing is left of environment test", "passed", time.monotonic() - start)]


# Names that only tests give: environment test, and the environments, servers and networks that single tests make for themselves.
NAMES_OF_TESTS = re.compile(r"echobase-(aws-)?(zz-|test-)|zz-")
# Images of the tests' own registries, and those that were made for tests.
IMAGES_OF_TESTS = re.compile(r"127\.0\.0\.1:\d+/(mirror/)?zz/|echobase/zz-images-")


def remove_strangers() -> None:
    """What tests left under names of theirs but without labels, or in a home that is gone: the platform rightly leaves it alone."""
    import docker  # noqa: PLC0415 - only after the engine was prepared

    client = docker.from_env()
    volumes = [volume for volume in client.volumes.list() if NAMES_OF_TESTS.match(volume.name)]
    users = [user for volume in volumes for user in client.containers.list(all=True, filters={"volume": volume.name}, ignore_removed=True)]
    named = [one for one in client.containers.list(all=True, ignore_removed=True) if NAMES_OF_TESTS.match(one.name)]
    for container in {one.id: one for one in (*users, *named)}.values():
        container.remove(force=True, v=True)
    for one in (*volumes, *(network for network in client.networks.list() if NAMES_OF_TESTS.match(network.name))):
        one.remove()
    for image in client.images.list():
        for name in (*image.tags, *image.attrs.get("RepoDigests", ())):
            if IMAGES_OF_TESTS.match(name):
                client.images.remove(name, force=True)


def chosen_ring(options: argparse.Namespace) -> Ring:
    if options.all:
        return Ring(marks="long or not long")
    if not options.changed:
        return Ring()
    base = base_of_change()
    files = changed_files(base)
    areas = changed_areas(files)
    say(f"\n== areas with a change since {base[:12]} ({len(files)} files)")
    for name in AREAS:
        reasons = areas.get(name, [])
        say(f"  {name:<14} {len(reasons):5d}  {reasons[0] if reasons else 'unchanged: its long tests are left out'}")
    return Ring("long", tuple(areas), time.monotonic() + options.until)


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests/run.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suites", nargs="*", metavar="suite", help=f"only these: {', '.join(SUITES)}")
    parser.add_argument("--all", action="store_true", help="the long tests, too")
    parser.add_argument("--changed", action="store_true", help="only the long tests, and only of the areas whose files changed")
    parser.add_argument("--until", type=float, default=float("inf"), metavar="SECONDS", help="begin no file of long tests later than that")
    options = parser.parse_args()
    unknown = set(options.suites) - set(SUITES)
    if unknown:
        sys.exit(f"tests/run.py: unknown suite {', '.join(sorted(unknown))} - choose from {', '.join(SUITES)}")
    OUTPUT.mkdir(parents=True, exist_ok=True)
    ring = chosen_ring(options)
    chosen = options.suites or [name for name in SUITES if not (options.changed and name in WITHOUT_AREAS)]
    suites: list[Suite] = []

    def run(name: str, suite: Callable[[], list[Test]]) -> None:
        say(f"\n== {name}")
        start = time.monotonic()
        tests = suite()
        if tests:
            suites.append(Suite(name, tests, time.monotonic() - start))

    if chosen == ["lint"]:
        run("lint", lambda: lint(ring))
        return close(suites, [], OUTPUT)
    run("prepare", prepare)
    before = neighbours()
    for stage in STAGES:
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda name: run(name, lambda: SUITES[name](ring)), [name for name in stage if name in chosen]))
    run("clear", clear)
    run("survival", lambda: survival(before))
    return close(suites, ring.left_out, OUTPUT)


if __name__ == "__main__":
    sys.path.insert(0, str(CHECKOUT / ".collections"))
    sys.exit(main())
