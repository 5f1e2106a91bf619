from __future__ import annotations

import re

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.base.byte_size import GIB, MIB
from ansible_collections.echobase.platform.plugins.module_utils.host.apt_sources import Distribution
from ansible_collections.echobase.platform.plugins.module_utils.host.engine_socket import NoEngineError
from ansible_collections.echobase.platform.plugins.module_utils.preflight import checks
from ansible_collections.echobase.platform.plugins.module_utils.preflight.problem import Problem

MANAGED = "/opt/echobase/python/bin/python"


def lines(problems: list[Problem]) -> list[str]:
    """Each is one line: what was looked at, what is wrong and where, and what to do."""
    told = [re.sub(r"`playbooks/(\w+)\.yml`", r"\1", str(problem)) for problem in problems]
    assert all("\n" not in line and re.fullmatch(r"\w+: .+ - .+", line) for line in told)
    return told


@pytest.mark.parametrize("codename", ["bookworm", "trixie"])
def test_a_distribution_that_is_known(codename: str) -> None:
    assert checks.host(Distribution("debian", codename)) == []
    assert checks.host(Distribution("ubuntu", "noble")) == []


@pytest.mark.parametrize(
    ("found", "name"), [(Distribution("debian", "bullseye"), "debian bullseye"), (Distribution("", ""), "a system without a name")]
)
def test_another_one(found: Distribution, name: str) -> None:
    assert lines(checks.host(found)) == [f"host: this is {name} - use Debian 12 or Debian 13 or Ubuntu 24.04"]


def test_root() -> None:
    assert checks.root(0, "root") == []
    assert lines(checks.root(1000, "deployer")) == [
        "root: modules run as deployer - set ansible_become: true in the inventory, or log in as root"
    ]


def test_a_python_that_lacks_packages() -> None:
    assert checks.python("/usr/bin/python3", MANAGED, []) == []
    assert lines(checks.python("/usr/bin/python3", MANAGED, ["no docker", "cryptography 38.0.4, older than 42"])) == [
        "python: /usr/bin/python3 has no docker, cryptography 38.0.4, older than 42"
        f" - set ansible_python_interpreter to {MANAGED}, which setup_durable makes, or install them there with pip"
    ]
    assert lines(checks.python(MANAGED, MANAGED, ["no docker"])) == [
        f"python: {MANAGED} has no docker - remove the link /opt/echobase/python, then run setup_durable, which makes it anew"
    ]


def test_an_engine_that_may_not_be_asked_is_not_said_to_be_down() -> None:
    denied, down = NoEngineError("denied", "Permission denied"), NoEngineError("down", "Connection refused")
    denied_line = (
        "engine: deployer may not ask the Docker engine (Permission denied) - become root: set ansible_become: true in the inventory"
    )
    for installs in (True, False):
        assert lines(checks.no_engine(denied, "deployer", is_installed=True, installs=installs)) == [denied_line]
    assert lines(checks.no_engine(down, "root", is_installed=True, installs=False)) == [
        "engine: the Docker engine does not answer (Connection refused) - run setup_durable, which installs and starts it"
    ]
    assert lines(checks.no_engine(NoEngineError("absent", ""), "root", is_installed=False, installs=False)) == [
        "engine: there is no Docker engine - run setup_durable, which installs and starts it"
    ]


def test_setup_installs_what_is_missing() -> None:
    assert checks.no_engine(NoEngineError("absent", ""), "root", is_installed=False, installs=True) == []
    assert checks.compose(has_plugin=False, installs=True) == []
    assert lines(checks.compose(has_plugin=False, installs=False)) == [
        "compose: Docker Compose v2 is missing - run setup_durable, which installs it"
    ]


def test_an_engine_that_is_too_old() -> None:
    assert checks.engine({"Version": "20.10.24", "ApiVersion": "1.41"}) == []
    assert checks.engine({"Version": "29.0.0", "ApiVersion": "1.52"}) == []
    assert lines(checks.engine({"Version": "19.03.15", "ApiVersion": "1.40"})) == [
        "engine: Docker Engine 19.03.15 is too old - install version 20.10 or newer"
    ]


def test_too_little_room() -> None:
    assert checks.disk({"/var/lib/echobase": 6 * GIB}, 5 * GIB, "preflight_first_disk") == []
    assert lines(checks.disk({"/a": 6 * GIB, "/b": 100 * MIB}, 5 * GIB, "preflight_first_disk")) == [
        "disk: 100 MiB are free at /b, and 5.0 GiB are needed - make room there, or lower preflight_first_disk"
    ]
    assert checks.memory(2 * GIB, GIB, "preflight_memory") == []
    assert lines(checks.memory(100 * MIB, 256 * MIB, "preflight_memory")) == [
        "memory: 100 MiB are to be had, and 256 MiB are needed - end what needs it, or lower preflight_memory"
    ]


def test_ports_that_are_taken() -> None:
    wanted = {"edge": 443, "operators": 1443}
    assert checks.ports(wanted, {80: "process 1 (apache2)"}) == []
    assert lines(checks.ports(wanted, {443: "process 812 (apache2)"})) == [
        "ports: port 443 (edge) is taken by process 812 (apache2) - stop that, or give another edge in echobase_ports"
    ]


@pytest.mark.parametrize("name", ["shop.example.com", "localhost", "xn--bcher-kva.example", "192.0.2.7", "2001:db8::7", "a.b-c.d1"])
def test_names_by_which_a_host_can_be_reached(name: str) -> None:
    assert checks.names([name]) == []


@pytest.mark.parametrize(
    "name",
    ["https://shop.example.com", "shop.example.com:443", "*.example.com", "-a.example", "a..b", "", "1.2.3", "sh_op", f"{'a' * 64}.b"],
)
def test_what_is_no_name(name: str) -> None:
    assert lines(checks.names([name])) == [
        f"names: echobase_public_names has '{name}' - write names such as shop.example.com, or addresses, and nothing around them"
    ]


def test_clocks_that_differ() -> None:
    assert checks.clock(59) == checks.clock(-59) == []
    remedy = "have one of them keep time (systemd-timesyncd or chrony)"
    assert lines(checks.clock(3600)) == [f"clock: the host's clock is 3600 s fast, by the controller's - {remedy}"]
    assert lines(checks.clock(-61)) == [f"clock: the host's clock is 61 s slow, by the controller's - {remedy}"]
