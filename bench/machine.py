"""What a result was measured on."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.container import docker

CHECKOUT = Path(__file__).parents[1].resolve()
_VERSIONS = {
    "haproxy": (["haproxy", "-v"], r"version (\S+)"),
    "traefik": (["traefik", "version"], r"Version:\s+(\S+)"),
    "caddy": (["caddy", "version"], r"v(\S+)"),
    "wrk": (["sh", "-c", "wrk -v; true"], r"(\d+\.\d+\.\d+\S*) \["),
    "h2load": (["h2load", "--version"], r"nghttp2/(\S+)"),
}


def facts(images: dict[str, str]) -> dict[str, Any]:
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": _commit(),
        "cores": os.cpu_count(),
        "processor": _processor(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "docker": docker("version", "--format", "{{.Server.Version}}").strip(),
        "nginx": _version(images["nginx"], ["nginx", "-v"], r"nginx/(\S+)"),
        "valgrind": _version(images["bench-profiled"], ["valgrind", "--version"], r"valgrind-(\S+)"),
        **{name: _version(images["bench"], line, pattern) for name, (line, pattern) in _VERSIONS.items()},
    }


def load_of_others() -> float:
    """Of the last minute: near 0 on a quiet machine."""
    return round(os.getloadavg()[0], 2)


def _commit() -> str:
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    changed = subprocess.run(["git", "status", "--porcelain"], cwd=CHECKOUT, capture_output=True, text=True, check=False).stdout.strip()
    return (done.stdout.strip() or "unknown") + (" with changes" if changed else "")


def _processor() -> str:
    found = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text())
    return found[1] if found else platform.processor()


def _version(image: str, line: list[str], pattern: str) -> str:
    output = docker("run", "--rm", "--network", "none", image, *line)
    found = re.search(pattern, output)
    return found[1] if found else "unknown"
