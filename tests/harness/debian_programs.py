"""Programs of the distribution that tests run outside of containers: unpacked below .cache, never installed.

Installing them would start services on this machine. They are of the release that our images are made from, so that a test runs the very
Prometheus which an environment gets.
"""

from __future__ import annotations

import fcntl
import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from ansible_collections.echobase.platform.plugins.module_utils.host.apt_sources import Distribution, as_line, read_sources, sources_for
from ansible_collections.echobase.platform.plugins.module_utils.images.base import DEBIAN_SUITE

KEPT = Path(__file__).resolve().parents[2] / ".cache" / "debian"
# Programs in C are started with the libraries of their own release: this machine's may be older.
_REDIS = ("redis-server", "redis-tools", "libatomic1", "libc6", "libcap2", "libgcc-s1", "libjemalloc2", "liblzf1", "libssl3t64",
          "libstdc++6", "libsystemd0", "libzstd1", "zlib1g")  # fmt: skip
# The packages of each program that is not all in one of its own name; the first names their folder.
_PACKAGES = {"amtool": ("prometheus-alertmanager",), "redis-server": _REDIS, "redis-cli": _REDIS}


class ProgramMissing(Exception):
    """The distribution's package cannot be had here."""


@cache
def debian_program(name: str) -> Path:
    """The program; its package is fetched the first time that this machine is asked for it."""
    host = Distribution.of_host()
    suite = host.codename if host.id == "ubuntu" else DEBIAN_SUITE
    packages = _PACKAGES.get(name, (name,))
    unpacked = KEPT / suite / packages[0]
    program = unpacked / "usr" / "bin" / name
    with _alone():
        if not program.exists():
            shutil.rmtree(unpacked, ignore_errors=True)
            for archive in _fetch(packages, suite, host):
                _run("dpkg-deb", "--extract", str(archive), str(unpacked))
                archive.unlink()
    return program


def command(name: str) -> list[str | Path]:
    """The program as it is to be started: one that finds files of its package below /usr/share finds them, and sees nothing else there."""
    program = debian_program(name)
    loader = next(program.parents[1].glob("lib/*/ld-linux-*.so.*"), None)
    if loader:
        return [loader, "--argv0", name, "--library-path", loader.parent, program]
    shared = program.parents[1] / "share" / "prometheus"
    if not shared.is_dir():
        return [program]
    # In a view of the file system that only this process has.
    view = f'mount -t tmpfs tmpfs /usr/share && ln -s {shlex.quote(str(shared))} /usr/share/prometheus && exec "$@"'
    return ["unshare", "--mount", "sh", "-c", view, "sh", program]


def ran(name: str, *arguments: str | Path) -> str:
    """What the program printed; it must end well."""
    done = subprocess.run([debian_program(name), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{name} {shlex.join(map(str, arguments))}:\n{done.stdout}{done.stderr}"
    return done.stdout


def _fetch(packages: Sequence[str], suite: str, host: Distribution) -> list[Path]:
    """With lists of packages of our own: this machine's are of another release, and may be missing or old."""
    apt = KEPT / suite / "apt"
    for folder in ("lists/partial", "cache/archives/partial", "download"):
        (apt / folder).mkdir(parents=True, exist_ok=True)
    sources = apt / "sources.list"
    sources.write_text("".join(f"{as_line(source)}\n" for source in sources_for(suite, host, read_sources())))
    # What this machine has installed would be taken for the newest.
    (apt / "status").touch()
    own = {
        "Dir::State::status": apt / "status",
        "Dir::State::lists": apt / "lists",
        "Dir::Cache": apt / "cache",
        "Dir::Etc::sourcelist": sources,
        "Dir::Etc::sourceparts": "-",
        "APT::Get::List-Cleanup": "false",
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
    }
    options = [f"--option={name}={value}" for name, value in own.items()]
    _run("apt-get", "-q", *options, "update")
    _run("apt-get", "-q", *options, "download", *packages, folder=apt / "download")
    return [next((apt / "download").glob(f"{package}_*.deb")) for package in packages]


@contextmanager
def _alone() -> Iterator[None]:
    """Two test processes may want the same program at once."""
    KEPT.mkdir(parents=True, exist_ok=True)
    with (KEPT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _run(*command: str, folder: Path | None = None) -> None:
    done = subprocess.run(command, cwd=folder, env=os.environ | {"LC_ALL": "C"}, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ProgramMissing(f"{shlex.join(command)} failed: {done.stderr.strip()}")
