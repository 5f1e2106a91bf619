"""promtool, which judges PromQL, rules and their tests: the one on the PATH, else out of Debian's package, kept below .cache."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from functools import cache
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
KEPT = CHECKOUT / ".cache" / "promtool"


@cache
def promtool() -> Path:
    """Unpacked, never installed: the package would start a Prometheus on this machine."""
    installed = shutil.which("promtool")
    if installed:
        return Path(installed)
    if not KEPT.exists():
        KEPT.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=KEPT.parent) as folder:
            _run("apt-get", "-q", "download", "prometheus", cwd=folder)
            package = next(Path(folder).glob("prometheus_*.deb"))
            _run("dpkg-deb", "--extract", str(package), folder, cwd=folder)
            # Two test processes may be here at once: whoever comes second replaces a whole file with the same one.
            (Path(folder) / "usr" / "bin" / "promtool").replace(KEPT)
    return KEPT


def _run(*command: str, cwd: str) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, env=os.environ | {"LC_ALL": "C"})
    if done.returncode != 0:
        raise RuntimeError(
            f"promtool is not to be had: {' '.join(command)} said {done.stderr.strip()} - install promtool, or run apt-get update"
        )


def run_promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """`run_promtool("test", "rules", file)`: what it printed and how it ended."""
    return subprocess.run([promtool(), *arguments], capture_output=True, text=True, check=False)


def refused(expressions: Iterable[str]) -> list[str]:
    """What promtool says against each of these PromQL expressions; nothing where all are right."""
    rules = [{"record": f"checked:expression_{number}", "expr": expression} for number, expression in enumerate(expressions)]
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        # JSON is YAML, too.
        json.dump({"groups": [{"name": "expressions", "rules": rules}]}, file)
        file.flush()
        done = run_promtool("check", "rules", "--lint=none", file.name)
    return [] if done.returncode == 0 else (done.stdout + done.stderr).splitlines()
