"""promtool, which judges PromQL, rules and their tests."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

from harness.debian_programs import debian_program


def run_promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """`run_promtool("test", "rules", file)`: what it printed and how it ended."""
    return subprocess.run([debian_program("promtool"), *arguments], capture_output=True, text=True, check=False)


def refused(expressions: Iterable[str]) -> list[str]:
    """What promtool says against each of these PromQL expressions; nothing where all are right."""
    rules = [{"record": f"checked:expression_{number}", "expr": expression} for number, expression in enumerate(expressions)]
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        # JSON is YAML, too.
        json.dump({"groups": [{"name": "expressions", "rules": rules}]}, file)
        file.flush()
        done = run_promtool("check", "rules", "--lint=none", file.name)
    return [] if done.returncode == 0 else (done.stdout + done.stderr).splitlines()
