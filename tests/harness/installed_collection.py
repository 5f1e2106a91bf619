"""The collection as its users have it: a tarball, installed in a project of theirs, where nothing of the checkout is at hand."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from areas import CHECKOUT

NAME = "echobase.platform"
# Of an environment that nobody sets up: what runs here looks at it, or refuses.
ENVIRONMENT = "zz-installed"
_INDEX = 7
_GALAXY = [sys.executable, "-m", "ansible", "galaxy", "collection"]
_PIP_FAILED = re.compile(r"No matching distribution found.*|Temporary failure in name resolution|Connection refused|Network is unreachable")


def build_tarball(folder: Path) -> Path:
    subprocess.run([*_GALAXY, "build", "--output-path", str(folder)], cwd=CHECKOUT, env=_bare(), check=True, capture_output=True)
    (tarball,) = folder.glob("echobase-platform-*.tar.gz")
    return tarball


@dataclass(frozen=True)
class Core:
    """An ansible-core, with nothing beside it."""

    version: str
    python: Path

    def __str__(self) -> str:
        return self.version


@dataclass(frozen=True)
class Project:
    """A folder with an inventory and without ansible.cfg: Ansible's own settings count."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    @classmethod
    def with_tarball(cls, folder: Path, tarball: Path) -> Project:
        project = cls(folder, {"ANSIBLE_COLLECTIONS_PATH": str(folder / "collections"), "ANSIBLE_NOCOLOR": "1"})
        install = [*_GALAXY, "install", str(tarball), "-p", str(folder / "collections"), "--offline", "--no-deps"]
        subprocess.run(install, cwd=folder, env=_bare() | project.environment, check=True, capture_output=True)
        (folder / "inventory.yml").write_text(yaml.safe_dump(_inventory(folder)))
        others = Path(sysconfig.get_path("purelib"), "ansible_collections")
        for other in ("community/docker", "community/library_inventory_filtering_v1"):
            link = folder / "collections" / "ansible_collections" / other
            link.parent.mkdir(exist_ok=True)
            link.symlink_to(others / other)
        return project

    @property
    def collection(self) -> Path:
        return self.folder / "collections" / "ansible_collections" / "echobase" / "platform"

    @property
    def playbooks(self) -> list[str]:
        return [f"{NAME}.{file.stem}" for file in sorted((self.collection / "playbooks").glob("*.yml"))]

    def run(self, *arguments: str, core: Core | None = None, **settings: str) -> subprocess.CompletedProcess[str]:
        """`settings` are environment variables of Ansible, without their prefix."""
        command = [str(core.python if core else sys.executable), "-m", "ansible", "playbook", "-i", "inventory.yml", *arguments]
        given = {f"ANSIBLE_{name.upper()}": value for name, value in settings.items()}
        return subprocess.run(
            command,
            cwd=self.folder,
            env=_bare() | self.environment | given,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )


def oldest_core() -> Core:
    """The oldest one that meta/runtime.yml allows."""
    required = yaml.safe_load((CHECKOUT / "meta" / "runtime.yml").read_text())["requires_ansible"]
    version = re.fullmatch(r">=(\d+\.\d+)\.0", required)
    assert version, f"requires_ansible is {required}"
    return _installed(f"ansible-core=={version[1]}.*", Path(sys.executable))


def newest_core() -> Core:
    """The newest one that the newest Python here can have. ansible-core 2.20 and later want Python 3.12."""
    return _installed("ansible-core", _newest_python())


@functools.cache
def _installed(requirement: str, python: Path) -> Core:
    place = CHECKOUT / ".cache" / "cores" / re.sub(r"\W+", "-", f"{requirement} {_version_of(python)}").strip("-")
    core = place / "bin" / "python"
    if not (place / "complete").exists():
        subprocess.run([str(python), "-m", "venv", "--clear", str(place)], check=True, capture_output=True)
        pip = [str(core), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", requirement]
        done = subprocess.run(pip, capture_output=True, text=True, check=False)
        if done.returncode != 0 and (reason := _PIP_FAILED.search(done.stderr)):
            pytest.skip(f"{requirement} cannot be had: {reason[0]}")
        assert done.returncode == 0, done.stderr
        (place / "complete").touch()
    told = subprocess.run(
        [str(core), "-c", "import ansible.release as of; print(of.__version__)"], capture_output=True, text=True, check=True
    )
    return Core(told.stdout.strip(), core)


def _newest_python() -> Path:
    """Looks in the search path, and beside the Python that runs this: pyenv and its like keep their versions in one folder."""
    beside = Path(sys.base_prefix).parent.glob("*/bin/python3")
    found = [Path(path) for name in ("python3.14", "python3.13", "python3.12") if (path := shutil.which(name))]
    return max((Path(sys.executable), *found, *beside), key=_version_of)


@functools.cache
def _version_of(python: Path) -> tuple[int, ...]:
    """It is empty of a program that does not start."""
    code = "import sys; print(*sys.version_info[:2] if sys.version_info.releaselevel == 'final' else ())"
    told = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=False)
    return tuple(int(part) for part in told.stdout.split()) if told.returncode == 0 else ()


def _inventory(folder: Path) -> dict[str, object]:
    place = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    environment = {"echobase_env": ENVIRONMENT, "echobase_index": _INDEX, "echobase_home": str(folder / "home")}
    return {"echobase": {"hosts": {ENVIRONMENT: place}, "vars": environment}}


def _bare() -> dict[str, str]:
    """The environment without what a checkout sets."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH" and not name.startswith("ANSIBLE_")}
