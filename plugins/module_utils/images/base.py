"""The image that all others start from: a minimal distribution, made from the host's own package source."""

from __future__ import annotations

import os
import subprocess
import tarfile
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.host.apt_sources import (
    AptSource,
    Distribution,
    as_line,
    read_sources,
    sources_for,
)
from ansible_collections.echobase.platform.plugins.module_utils.images.context import BuildContext

DEBIAN_SUITE = "trixie"
# Documentation and translations fill a third of a minimal system and are never read in a container.
_NOT_INSTALLED = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/info/*", "/usr/share/locale/*", "/usr/share/lintian/*")
_DPKG_OPTIONS = [f"--dpkgopt=path-exclude={pattern}" for pattern in _NOT_INSTALLED] + ["--dpkgopt=path-include=/usr/share/doc/*/copyright"]
_APT_OPTIONS = ['--aptopt=Acquire::Languages "none"', '--aptopt=APT::Install-Recommends "false"']
_LOG_LINES = 15


@dataclass(frozen=True)
class BaseImage:
    suite: str
    sources: tuple[AptSource, ...]

    @classmethod
    def of_host(cls, root: Path = Path("/")) -> BaseImage:
        host = Distribution.of_host(root)
        suite = host.codename if host.id == "ubuntu" else DEBIAN_SUITE
        return cls(suite, tuple(sources_for(suite, host, read_sources(root))))

    @property
    def packages(self) -> list[str]:
        return ["ca-certificates"] if any(source.address.startswith("https:") for source in self.sources) else []

    @property
    def recipe(self) -> str:
        """What decides the content of the image. The address of the package source does not: a mirror holds the same packages."""
        suites = [source.suite for source in self.sources]
        return "\0".join([*suites, *self.packages, *_DPKG_OPTIONS, *_APT_OPTIONS])

    def arguments(self, target: Path) -> Sequence[str]:
        return [
            "mmdebstrap",
            "--variant=minbase",
            "--format=tar",
            *_DPKG_OPTIONS,
            *_APT_OPTIONS,
            *([f"--include={','.join(self.packages)}"] if self.packages else []),
            "--customize-hook=rm -rf $1/var/cache/ldconfig $1/var/log/*.log $1/var/log/apt/*",
            self.suite,
            str(target),
            *(as_line(source) for source in self.sources),
        ]

    def make(self, overlay: BuildContext, folder: Path, say: Callable[[str], None]) -> Path:
        """Make the root file system, with `overlay` laid over it, as a tar file in `folder`; what is made on the way is put there, too."""
        target = folder / "base.tar"
        self._run(self.arguments(target), folder, say)
        # A hook of mmdebstrap's would not do: it removes the policy for services again when it is done.
        with tarfile.open(target, "a") as archive:
            overlay.add_to(archive)
        return target

    def _run(self, arguments: Sequence[str], folder: Path, say: Callable[[str], None]) -> None:
        try:
            process = subprocess.Popen(
                arguments,
                env=os.environ | {"TMPDIR": str(folder)},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
            )
        except FileNotFoundError as error:
            raise Refusal(
                "the base image cannot be made: mmdebstrap is not installed",
                f"run {playbook('setup_durable')}, which installs it, or install it yourself",
            ) from error
        log: deque[str] = deque(maxlen=_LOG_LINES)
        with process:
            for line in process.stderr or ():
                log.append(line.rstrip())
                say(line)
        if process.returncode != 0:
            addresses = ", ".join(sorted({source.address for source in self.sources}))
            raise Refusal(
                "the base image cannot be made; the last lines of mmdebstrap:\n  " + "\n  ".join(log) + "\n",
                f"see that the package source of this host answers ({addresses})",
            )
