"""`make test`: prepares the machine, runs every suite in environment test and closes with a table.

tests/run.py                  everything
tests/run.py unit integration only these suites
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

CHECKOUT = Path(__file__).resolve().parents[1]
OUTPUT = CHECKOUT / "tests" / "output"
BIN = CHECKOUT / ".venv" / "bin"
ENVIRONMENT = os.environ | {
    "PATH": f"{BIN}:{os.environ['PATH']}",
    "PYTHONPATH": f"{CHECKOUT / '.collections'}:{CHECKOUT / 'tests'}",
    "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"),
}


@dataclass(frozen=True)
class Result:
    suite: str
    passed: int
    failed: int
    skipped: int
    seconds: float


def say(text: str) -> None:
    print(text, flush=True)


def commands(suite: str, *lines: tuple[str, ...]) -> tuple[int, int, int]:
    """Each command is one test: it passes when it exits with 0."""
    passed = failed = 0
    for line in lines:
        folder = CHECKOUT / "apps" / "frontend" if line[0] == "npm" else CHECKOUT
        say(f"  · {' '.join(line)}")
        if subprocess.run(line, cwd=folder, env=ENVIRONMENT, stdin=subprocess.DEVNULL, check=False).returncode == 0:
            passed += 1
        else:
            failed += 1
            say(f"  ✗ {suite}: {' '.join(line)}")
    return passed, failed, 0


def pytest(suite: str, *arguments: str) -> tuple[int, int, int]:
    report = OUTPUT / f"{suite}.xml"
    report.unlink(missing_ok=True)
    line = [str(BIN / "python"), "-m", "pytest", "-q", f"--junit-xml={report}", *arguments]
    code = subprocess.run(line, cwd=CHECKOUT, env=ENVIRONMENT, stdin=subprocess.DEVNULL, check=False).returncode
    if not report.exists():
        return 0, 1, 0
    counts = {"tests": 0, "failures": 0, "errors": 0, "skipped": 0}
    for node in ElementTree.parse(report).getroot().iter("testsuite"):
        for name in counts:
            counts[name] += int(node.get(name, 0))
    failed = counts["failures"] + counts["errors"]
    if code != 0 and failed == 0:
        failed = 1
    return counts["tests"] - counts["failures"] - counts["errors"] - counts["skipped"], failed, counts["skipped"]


def lint() -> tuple[int, int, int]:
    return commands(
        "lint",
        ("ruff", "check", "."),
        ("ruff", "format", "--check", "."),
        ("lint-imports", "--no-logo", "--no-cache"),
        ("mypy", "plugins/module_utils", "plugins/filter"),
        ("mypy", "apps/orders", "apps/api_gateway", "apps/operators_desk", "apps/order_processor", "apps/migrations"),
        ("mypy", "images/mariadb/backups"),
        ("yamllint", "--strict", "."),
        ("ansible-lint", "--offline", "--strict", "-q"),
        ("npm", "ci", "--no-fund", "--no-audit", "--silent"),
        ("npm", "run", "--silent", "typecheck"),
        ("npm", "run", "--silent", "lint"),
        ("npm", "test", "--silent"),
    )


# Files that must not run beside each other, since they use the same names of environment test: its durable layer, its edge and colours. The
# databases have names of their own, and shards because they take long. The rest keep out of each other's way one after the other.
SHARDS = {
    "integration-durable": ("durable_db", "older_majors", "networks", "operators_desk_role", "secrets", "certificates", "backup_modules"),
    "integration-switch": ("edge_role", "bluegreen_switch", "traffic_playbooks", "several_edges", "one_release_at_a_time"),
    "integration": (),
    "integration-restores": ("postgres_backups", "durable_db_restore", "db_migration", "online_change"),
    "integration-databases": (
        *("database_accounts", "database_entrypoint", "encryption_at_rest", "durable_db_kills"),
        *("mariadb_backups", "durable_db_backup"),
    ),
    "integration-changes": ("replica", "database_upgrade", "key_rotation", "clock_jump"),
}
# More than cores, since most of their time is waiting for containers; but who waits too long for a core fails.
AT_ONCE = 3


def integration() -> tuple[int, int, int]:
    files = {shard: [f"tests/integration/test_{name}.py" for name in names] for shard, names in SHARDS.items()}
    files["integration"] = ["tests/integration", *(f"--ignore={path}" for paths in files.values() for path in paths)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        counts = pool.map(lambda shard: pytest(shard, *files[shard]), SHARDS)
        return tuple(map(sum, zip(*counts, strict=True)))  # type: ignore[return-value]


def molecule() -> tuple[int, int, int]:
    return commands("molecule", *(("molecule", "test", "--scenario-name", scenario) for scenario in ("edge", "durable_db", "default")))


# The one load on the deployed system; the others bring their own edge.
LOAD_ON_ENVIRONMENT_TEST = "tests/load/test_orders_survive_releases.py"

SUITES: dict[str, Callable[[], tuple[int, int, int]]] = {
    "lint": lint,
    "unit": lambda: pytest("unit", "tests/unit"),
    "integration": integration,
    "molecule": molecule,
    "load": lambda: pytest("load", "tests/load", f"--ignore={LOAD_ON_ENVIRONMENT_TEST}"),
    "e2e": lambda: pytest("e2e", "tests/e2e", LOAD_ON_ENVIRONMENT_TEST),
    "chaos": lambda: pytest("chaos", "tests/chaos"),
}
# What runs side by side: neither needs the machine for itself, and at most one of them uses environment test.
STAGES = (("lint", "unit"), ("integration",), ("molecule", "load"), ("e2e",), ("chaos",))


def neighbours() -> dict[str, object]:
    """What a developer's own environments look like: their containers and volumes, and every file of their state but logs and sessions."""
    import docker  # noqa: PLC0415 - only after the engine was prepared

    from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import ENGINES, environment  # noqa: PLC0415
    from environment_under_test import kept_files  # noqa: PLC0415

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


def survival(before: dict[str, object]) -> tuple[int, int, int]:
    if not before:
        say("  · no devlocal or ci environment stands on this machine: nothing to compare")
        return 0, 0, 1
    after = neighbours()
    touched = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
    for name in touched:
        say(f"  ✗ the tests touched {name}: {before.get(name)} became {after.get(name)}")
    return (0, 1, 0) if touched else (1, 0, 0)


def playbook(path: str) -> None:
    command = [str(BIN / "ansible-playbook"), "-i", "tests/inventory", path]
    if subprocess.run(command, cwd=CHECKOUT, env=ENVIRONMENT, stdin=subprocess.DEVNULL, check=False).returncode != 0:
        sys.exit(f"{path} failed: this machine is not ready for the tests, see above")


def prepare() -> None:
    playbook("tests/prepare.yml")
    clear()


def clear() -> None:
    """No trace of environment test and of what tests made beside it: neither of an earlier run that was interrupted, nor of this one."""
    playbook("molecule/default/destroy.yml")
    remove_strangers()


# Names that only tests give: environment test, and the environments, servers and networks that single tests make for themselves.
NAMES_OF_TESTS = re.compile(r"echobase-(aws-)?(zz-|test-)|zz-")


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


def close(results: list[Result]) -> int:
    say("\n  suite         tests  passed  failed  skipped  seconds")
    for one in results:
        total = one.passed + one.failed + one.skipped
        say(f"  {one.suite:<12} {total:6d} {one.passed:7d} {one.failed:7d} {one.skipped:8d} {one.seconds:8.0f}")
    passed, failed, skipped = (sum(getattr(one, name) for one in results) for name in ("passed", "failed", "skipped"))
    (OUTPUT / "summary.json").write_text(json.dumps([vars(one) for one in results], indent=1))
    say(f"\n{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or not passed else 0


def main(wanted: list[str]) -> int:
    unknown = set(wanted) - set(SUITES)
    if unknown:
        sys.exit(f"tests/run.py: unknown suite {', '.join(sorted(unknown))} - choose from {', '.join(SUITES)}")
    OUTPUT.mkdir(parents=True, exist_ok=True)
    chosen = wanted or list(SUITES)
    results: list[Result] = []

    def run(name: str, suite: Callable[[], tuple[int, int, int]]) -> None:
        say(f"\n== {name}")
        start = time.monotonic()
        results.append(Result(name, *suite(), seconds=time.monotonic() - start))

    if chosen == ["lint"]:
        run("lint", lint)
        return close(results)
    start = time.monotonic()
    prepare()
    results.append(Result("prepare", 1, 0, 0, time.monotonic() - start))
    before = neighbours()
    for stage in STAGES:
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda name: run(name, SUITES[name]), [name for name in stage if name in chosen]))
    clear()
    run("survival", lambda: survival(before))
    return close(results)


if __name__ == "__main__":
    sys.path.insert(0, str(CHECKOUT / ".collections"))
    sys.exit(main(sys.argv[1:]))
