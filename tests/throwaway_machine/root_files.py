"""The root file system of a machine, made from packages, and how it reaches its package sources: as this host does."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from throwaway_machine.network import Network
from throwaway_machine.this_host import Log, MachineError, run_on_host

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT / ".collections"))

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal  # noqa: E402
from ansible_collections.echobase.platform.plugins.module_utils.host.apt_sources import (  # noqa: E402 - the collection is found by the line above
    Distribution,
    as_line,
    read_sources,
    sources_for,
)

DEBIAN_SUITE = "bookworm"
_CACHE = Path("/var/tmp/echobase-roots")

# How this machine reaches its package sources: what its own configuration says is copied.
_SETTINGS = ("etc/pip.conf", "etc/npmrc", "usr/etc/npmrc", "etc/apt/auth.conf", "etc/apt/auth.conf.d")
_SETTINGS_OF_USER = (".config/pip/pip.conf", ".pip/pip.conf", ".npmrc", ".netrc")
_APT_SETTINGS = ("Acquire::http", "Acquire::https", "Acquire::Check-", "Acquire::Retries")
_AUTHORITIES = Path("usr/local/share/ca-certificates")
_VARIABLES = re.compile(r"(https?|no|all)_proxy|PIP_(INDEX_URL|EXTRA_INDEX_URL|TRUSTED_HOST|DEFAULT_TIMEOUT)|NPM_CONFIG_REGISTRY", re.I)
_CERTIFICATE_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT", "NODE_EXTRA_CA_CERTS", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO")


@dataclass(frozen=True)
class RootFiles:
    root: Path
    hostname: str
    network: Network

    def make(self, suite: str, packages: Sequence[str], log: Log) -> None:
        """From packages, this moment."""
        self.root.parent.mkdir(parents=True, exist_ok=True)
        suite, sources = _packages_of_host(suite)
        _bootstrap(self.root, suite, packages, sources, log)
        self._configure()

    def copy(self, suite: str, packages: Sequence[str], log: Log) -> None:
        """From what was made once on this host of the same packages."""
        self.root.parent.mkdir(parents=True, exist_ok=True)
        suite, sources = _packages_of_host(suite)
        key = hashlib.sha256("\0".join([suite, *packages, *sources]).encode()).hexdigest()[:12]
        kept = _CACHE / f"{suite}-{key}"
        if not kept.exists():
            made = self.root.with_name("made")
            _bootstrap(made, suite, packages, sources, log)
            _CACHE.mkdir(exist_ok=True)
            # Where somebody else was quicker, it is the same.
            run_on_host("mv", "--no-target-directory", "--no-clobber", str(made), str(kept))
        run_on_host("cp", "--archive", "--reflink=auto", str(kept), str(self.root))
        self._configure()

    def environment(self) -> dict[str, str]:
        """How programs on the machine reach their package sources."""
        found = {}
        for name, value in os.environ.items():
            if _VARIABLES.fullmatch(name):
                found[name] = self.network.seen_from_inside(value)
            elif name in _CERTIFICATE_VARIABLES:
                found[name] = value
        return found

    def _configure(self) -> None:
        """Names, and the way to the package sources, as this host has it."""
        (self.root / "etc/hostname").write_text(f"{self.hostname}\n")
        (self.root / "etc/hosts").write_text(f"127.0.0.1 localhost {self.hostname}\n::1 localhost\n")
        home = os.environ.get("HOME", "/root").lstrip("/")
        settings = {path: path for path in _SETTINGS} | {f"{home}/{path}": f"root/{path}" for path in _SETTINGS_OF_USER}
        resolver = next(path for path in (Path("/run/systemd/resolve/resolv.conf"), Path("/etc/resolv.conf")) if path.exists())
        (self.root / "etc/resolv.conf").unlink(missing_ok=True)
        (self.root / "etc/resolv.conf").write_text(resolver.read_text())
        for source, target in settings.items():
            _copy(Path("/") / source, self.root / target)
        for variable in _CERTIFICATE_VARIABLES:
            if certificates := os.environ.get(variable):
                _copy(Path(certificates), self.root / certificates.lstrip("/"))
        _copy(Path("/") / _AUTHORITIES, self.root / _AUTHORITIES)
        copied = [self.root / "etc/apt", *(self.root / target for target in settings.values())]
        for file in (file for place in copied for file in (place.rglob("*") if place.is_dir() else (place,)) if file.is_file()):
            if file.suffix not in (".gpg", ".asc") and not file.is_symlink():
                file.write_text(self.network.seen_from_inside(file.read_text()))


def _bootstrap(target: Path, suite: str, packages: Sequence[str], sources: Sequence[str], log: Log) -> None:
    settings = target.with_name("apt.conf")
    settings.write_text(_apt_settings())
    # In namespaces of their own its mounts and processes are gone with it, even when it is killed.
    alone = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    log.run(
        [
            *alone,
            "mmdebstrap",
            "--variant=minbase",
            f"--include={','.join(packages)}",
            f"--aptopt={settings}",
            # Nobody needs this file system after a loss of power.
            "--dpkgopt=force-unsafe-io",
            suite,
            str(target),
            *sources,
        ],
        os.environ | {"TMPDIR": str(target.parent)},
    )


def _packages_of_host(suite: str) -> tuple[str, list[str]]:
    """The release that the machine gets, and where this host finds its packages."""
    try:
        host = Distribution.of_host()
        suite = host.codename if host.id == "ubuntu" else suite
        return suite, [as_line(source) for source in sources_for(suite, host, read_sources())]
    except Refusal as refusal:
        raise MachineError(str(refusal)) from refusal


def _apt_settings() -> str:
    lines = run_on_host("apt-config", "dump").splitlines()
    return "\n".join(line for line in lines if line.startswith(_APT_SETTINGS)) + "\n"


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    elif source.is_file() and not target.is_symlink():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)
