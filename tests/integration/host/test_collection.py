"""The built tarball, installed as its users install it: the playbooks run by their full names, with no checkout at hand."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from harness.environment_under_test import CHECKOUT, INVENTORY

GALAXY = [sys.executable, "-m", "ansible", "galaxy", "collection"]


@pytest.fixture(scope="module")
def tarball(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("build")
    subprocess.run([*GALAXY, "build", "--output-path", str(folder)], cwd=CHECKOUT, check=True, capture_output=True)
    return next(folder.glob("echobase-platform-*.tar.gz"))


def test_the_tarball_holds_what_the_product_needs_and_nothing_else(tarball: Path) -> None:
    with tarfile.open(tarball) as content:
        names = content.getnames()
    for needed in ("playbooks/setup.yml", "apps/frontend/package.json", "images/catalogue.yml", "inventories/devlocal/hosts.yml"):
        assert needed in names
    assert [name for name in names if {"node_modules", "__pycache__", ".venv", ".git", ".collections"} & set(name.split("/"))] == []


def test_the_installed_collection_runs_by_full_names(tarball: Path, tmp_path: Path) -> None:
    # No ansible.cfg of ours: an installation must stand alone.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    environment |= {
        "ANSIBLE_COLLECTIONS_PATH": str(tmp_path / "collections"),
        "ANSIBLE_CONFIG": str(tmp_path / "ansible.cfg"),
        "ANSIBLE_NOCOLOR": "1",
    }
    (tmp_path / "ansible.cfg").write_text("[defaults]\n")
    install = [*GALAXY, "install", str(tarball), "-p", str(tmp_path / "collections"), "--offline", "--no-deps"]
    subprocess.run(install, cwd=tmp_path, env=environment, check=True, capture_output=True)
    done = subprocess.run(
        [sys.executable, "-m", "ansible", "playbook", "-i", str(INVENTORY), "echobase.platform.status"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "TRAFFIC" in done.stdout
    assert "OPERATORS https://localhost:1643" in done.stdout
