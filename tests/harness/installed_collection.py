"""The collection as its users have it: a tarball, installed in a project of theirs, where nothing of the checkout is at hand."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from areas import CHECKOUT
from harness.virtual_environments import environment_with, newest_python

NAME = "echobase.platform"
# Of an environment that nobody sets up: what runs here looks at it, or refuses.
ENVIRONMENT = "zz-installed"
_INDEX = 7
# The collections that came with Ansible's own package.
_OTHERS = Path(sysconfig.get_path("purelib"), "ansible_collections")
_GALAXY = [sys.executable, "-m", "ansible", "galaxy", "collection"]


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
        for other in ("community/docker", "community/library_inventory_filtering_v1"):
            link = folder / "collections" / "ansible_collections" / other
            link.parent.mkdir(exist_ok=True)
            link.symlink_to(_OTHERS / other)
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
    return _core(f"ansible-core=={version[1]}.*", Path(sys.executable))


def newest_core() -> Core:
    """The newest one that the newest Python here can have. ansible-core 2.20 and later want Python 3.12."""
    return _core("ansible-core", newest_python())


def _core(requirement: str, python: Path) -> Core:
    core = environment_with(requirement, python=python) / "python"
    told = subprocess.run(
        [str(core), "-c", "import ansible.release as of; print(of.__version__)"], capture_output=True, text=True, check=True
    )
    return Core(told.stdout.strip(), core)


def _inventory(folder: Path) -> dict[str, object]:
    place = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    environment = {"echobase_env": ENVIRONMENT, "echobase_index": _INDEX, "echobase_home": str(folder / "home")}
    return {"echobase": {"hosts": {ENVIRONMENT: place}, "vars": environment}}


def _bare() -> dict[str, str]:
    """The environment without what a checkout sets."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH" and not name.startswith("ANSIBLE_")}


def repacked(name: str, folder: Path) -> Path:
    """A tarball of a collection that came with Ansible's own package, which has its files and no tarball."""
    source = _OTHERS.joinpath(*name.split("."))
    info = json.loads((source / "MANIFEST.json").read_text())["collection_info"]
    kept = ("namespace", "name", "version", "authors", "readme", "dependencies", "repository")
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place, "copy")
        shutil.copytree(source, copy, ignore=shutil.ignore_patterns("MANIFEST.json", "FILES.json", "__pycache__"))
        (copy / "galaxy.yml").write_text(yaml.safe_dump({key: info[key] for key in kept}))
        subprocess.run([*_GALAXY, "build", "--output-path", str(folder), str(copy)], env=_bare(), check=True, capture_output=True)
    return folder / f"{name.replace('.', '-')}-{info['version']}.tar.gz"
