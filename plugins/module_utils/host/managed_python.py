"""The Python that modules run with on a host: a virtual environment of ours, made anew beside the old one whenever it has to be another."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome, Refusal

OLDEST_PYTHON = (3, 11)
_LINE = re.compile(r"^(?P<name>[\w.-]+)(?:\[\w+\])?(?:>=(?P<lowest>[\d.]+))?\s*$")
_NUMBER = re.compile(r"\d+")
ASK_VERSION = "import sys; print('%s.%s' % sys.version_info[:2])"
_VERSION = re.compile(r"^(\d+)\.(\d+)\s*$", re.MULTILINE)


def version_said(by: str) -> tuple[int, ...]:
    """Reads what Python prints of its version, among whatever a shell on a terminal says beside it; empty where it says nothing."""
    found = _VERSION.search(by)
    return (int(found[1]), int(found[2])) if found else ()


def lowest_versions(requirements: str) -> dict[str, str]:
    """Reads requirements.in: the packages that modules import, each with the lowest version that will do."""
    found = (_LINE.match(line) for line in requirements.splitlines())
    return {line["name"]: line["lowest"] or "" for line in found if line}


def insufficient(lowest: Mapping[str, str], version_of: Callable[[str], str] = version) -> list[str]:
    """Says of each package that this Python lacks, or has too old, what is wrong."""
    wrong = []
    for name, wanted in lowest.items():
        try:
            present = version_of(name)
        except PackageNotFoundError:
            wrong.append(f"no {name}")
            continue
        if _numbers(present) < _numbers(wanted):
            wrong.append(f"{name} {present}, older than {wanted}")
    return wrong


def _numbers(text: str) -> list[int]:
    return [int(number) for number in _NUMBER.findall(text)[:3]]


@dataclass(frozen=True)
class ManagedPython:
    """`path` is a link to the virtual environment that counts, so that another one takes over in one step, or not at all."""

    path: Path
    # The lock file with its hashes, and what it was resolved from.
    locked: str
    wanted: str
    # With `auto` the host's own packages are used where all of them will do; with `pinned` never.
    packages: str = "auto"
    # A folder with wheels on this host, from which alone packages are installed; empty for pip's own way.
    wheels: str = ""
    # The Python that the environment is made from is the one that this runs in.
    python: str = sys.executable
    version_of: Callable[[str], str] = version

    @property
    def own_packages(self) -> bool:
        return self.packages == "auto" and not insufficient(lowest_versions(self.wanted), self.version_of)

    @property
    def folder(self) -> Path:
        """Its name says what it was made of; after an upgrade of the distribution it has another Python."""
        made_of = "the distribution's packages" if self.own_packages else self.locked
        content = f"{sys.version_info[:2]}\n{self.python}\n{made_of}"
        return self.path.with_name(f"{self.path.name}-{hashlib.sha256(content.encode()).hexdigest()[:12]}")

    @property
    def is_there(self) -> bool:
        return self.path.is_symlink() and self.path.readlink().name == self.folder.name and (self.path / "bin/python").exists()

    def present(self, check: bool) -> Outcome:
        if self.path.exists() and not self.path.is_symlink():
            raise Refusal(f"{self.path} is there already and is not echobase's", "give another path in managed_python_path")
        changes = not self.is_there
        before = f"{self.path} -> {self.path.readlink().name}\n" if self.path.is_symlink() else ""
        if changes and not check:
            self._make()
        kind = "the distribution's packages" if self.own_packages else "pinned packages"
        return Outcome(
            changed=changes,
            before=before,
            after=f"{self.path} -> {self.folder.name}\n",
            facts={"interpreter": str(self.path / "bin/python"), "packages": kind},
        )

    def _make(self) -> None:
        with _readable_by_all():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            previous = self.path.readlink().name if self.path.is_symlink() else ""
            # What a run that was cut off left behind is nobody's.
            for left in self.path.parent.glob(f"{self.path.name}-*"):
                if left.name != previous:
                    shutil.rmtree(left) if left.is_dir() and not left.is_symlink() else left.unlink()
            shared = ["--system-site-packages", "--without-pip"] if self.own_packages else []
            self._run([self.python, "-m", "venv", "--clear", *shared, str(self.folder)], "install the distribution's package python3-venv")
            if not self.own_packages:
                self._install()
            link = self.path.with_name(f"{self.path.name}-link")
            link.unlink(missing_ok=True)
            link.symlink_to(self.folder.name)
            link.replace(self.path)

    def _install(self) -> None:
        """pip is configured by the host that it runs on: index, proxy and authorities are in its /etc/pip.conf or environment."""
        lock = self.folder / "requirements.txt"
        lock.write_text(self.locked, encoding="utf-8")
        offline = ["--no-index", "--find-links", self.wheels] if self.wheels else []
        remedy = (
            "add the wheels that it names to managed_python_wheels"
            if self.wheels
            else "see that pip reaches a package index from there (/etc/pip.conf), or hand it wheels: managed_python_wheels"
        )
        pip = [str(self.folder / "bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        self._run([*pip, "--only-binary", ":all:", "--require-hashes", *offline, "--requirement", str(lock)], remedy)

    def _run(self, command: list[str], remedy: str) -> None:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False)
        if done.returncode:
            said = [line.strip() for line in (done.stderr + done.stdout).splitlines() if line.strip()]
            complaint = next((line for line in said if line.startswith("ERROR:")), said[-1] if said else f"exit code {done.returncode}")
            shutil.rmtree(self.folder, ignore_errors=True)
            raise Refusal(f"{self.path} cannot be made on this host: {complaint.removeprefix('ERROR:').strip()}", remedy)


@contextmanager
def _readable_by_all() -> Iterator[None]:
    """Whoever may become another user than root runs modules with it, too."""
    before = os.umask(0o022)
    try:
        yield
    finally:
        os.umask(before)
