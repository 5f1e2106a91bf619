"""A fresh server, reached over SSH: what preflight says of it, and the Python that it gets for modules."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.remote_host import RemoteHost, remote_host
from harness.role_run import RoleRun, role_run

CHECKOUT = Path(__file__).resolve().parents[3]
PYTHON = "/opt/echobase/python"
PREFLIGHT = {"name": "echobase.platform.preflight", "rolespec_validate": False}

pytestmark = [pytest.mark.long, pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a machine")]


@dataclass
class Scene:
    host: RemoteHost
    folder: Path

    def run(self, user: str, role: str, *arguments: str, purpose: str = "change", **variables: Any) -> RoleRun:
        known = self.host.connection(user) | {
            "ansible_become": user != "root",
            "ansible_python_interpreter": f"{PYTHON}/bin/python",
            "echobase_env": "test",
            **variables,
        }
        (self.folder / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": {"shop": known}}}))
        task = {"ansible.builtin.import_role": PREFLIGHT | {"name": f"echobase.platform.{role}"}, "vars": {"preflight_purpose": purpose}}
        (self.folder / "play.yml").write_text(yaml.safe_dump([{"hosts": "all", "gather_facts": False, "tasks": [task]}]))
        done = subprocess.run(
            [sys.executable, "-m", "ansible", "playbook", "-i", str(self.folder / "hosts.yml"), str(self.folder / "play.yml"), *arguments],
            cwd=CHECKOUT,
            env=os.environ | {"ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return role_run(done.stdout)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("bare")
    with remote_host("echobase-bare", folder / "host") as host:
        yield Scene(host, folder)


def test_a_host_on_which_nothing_runs_yet_is_told_what_makes_its_python(scene: Scene) -> None:
    for user in ("root", "deployer"):
        said = scene.run(user, "preflight")
        assert said.failed == 1
        assert f"python: there is no Python at {PYTHON}/bin/python - run `" in said.output
        assert "Traceback" not in said.output


def test_a_user_who_may_not_become_root_is_told_so(scene: Scene) -> None:
    scene.host.run("mv /etc/sudoers.d/deployer /root/sudoers")
    try:
        said = scene.run("deployer", "preflight", ansible_python_interpreter="/usr/bin/python3")
    finally:
        scene.host.run("mv /root/sudoers /etc/sudoers.d/deployer")
    assert "root: the user of the connection cannot become root - allow it sudo without a password" in said.output
    plain = scene.run("deployer", "preflight", ansible_python_interpreter="/usr/bin/python3", ansible_become=False)
    assert "root: modules run as deployer - set ansible_become: true in the inventory, or log in as root" in plain.output


def test_a_host_without_any_python_gets_one_and_keeps_it(scene: Scene) -> None:
    scene.host.run("DEBIAN_FRONTEND=noninteractive apt-get -q remove -y --auto-remove python3-minimal python3.11-minimal >/dev/null 2>&1")
    assert scene.host.run("command -v python3 || echo none").strip() == "none"

    predicted = scene.run("deployer", "managed_python", "--check", "--diff")
    assert (predicted.changed, predicted.failed) == (1, 0), predicted.output
    assert scene.host.run(f"ls -d {PYTHON} /usr/bin/python3 2>/dev/null || true") == ""
    made = scene.run("deployer", "managed_python", "--diff")
    assert (made.changed, made.failed) == (1, 0), made.output
    for user in ("root", "deployer"):
        again = scene.run(user, "managed_python")
        assert (again.changed, again.failed) == (0, 0), again.output

    said = scene.run("deployer", "preflight")
    assert "engine: there is no Docker engine - run `" in said.output
    assert "compose: Docker Compose v2 is missing - run `" in said.output
    assert "python:" not in said.output
    # Setup installs both.
    first = scene.run("root", "preflight", purpose="setup")
    assert first.failed == 0, first.output


def test_nothing_of_the_checkout_lies_on_the_host(scene: Scene) -> None:
    assert scene.host.run("find / -xdev -name 'galaxy.yml' -o -xdev -path '*/roles/managed_python*' 2>/dev/null || true") == ""


def test_debian_13_lends_its_own_packages(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Nothing is downloaded but by the distribution: this host reaches no package index."""
    folder = tmp_path_factory.mktemp("trixie")
    with remote_host("echobase-lends", folder / "host", suite="trixie") as host:
        scene = Scene(host, folder)
        # Without them it has to install pinned ones, which it cannot.
        host.run("mkdir -p /etc && printf '[global]\\nindex-url = http://127.0.0.1:9/\\nretries = 0\\n' >/etc/pip.conf")
        refused = scene.run("deployer", "managed_python")
        assert f"{PYTHON} cannot be made on this host: " in refused.output
        assert "see that pip reaches a package index from there (/etc/pip.conf), or hand it wheels" in refused.output
        assert host.run(f"ls -d {PYTHON}* 2>/dev/null || true") == ""

        packages = [f"python3-{name}" for name in ("docker", "psycopg", "pymysql", "bcrypt", "cryptography", "yaml")]
        install = "DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends"
        host.run(f"{install} {' '.join(packages)} >/dev/null 2>&1")
        made = scene.run("deployer", "managed_python")
        assert (made.changed, made.failed) == (1, 0), made.output
        assert scene.run("root", "managed_python").changed == 0
        assert "python:" not in scene.run("deployer", "preflight").output
