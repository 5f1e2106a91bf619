from __future__ import annotations

from dataclasses import replace

from ansible_collections.echobase.platform.plugins.module_utils.containers.engine import EngineFacts, plan_engine
from ansible_collections.echobase.platform.plugins.module_utils.host.apt_sources import AptSource, Distribution

DEBIAN_12 = Distribution("debian", "bookworm")
DEBIAN_13 = Distribution("debian", "trixie")
UBUNTU = Distribution("ubuntu", "noble")
SOURCES = [AptSource("http://mirror.example/debian", "bookworm", ("main",))]

BARE = EngineFacts(engine_version="", compose_version="", has_daemon=False, has_client=False, has_mmdebstrap=False)
COMPLETE = EngineFacts(engine_version="28.0.0", compose_version="2.26.1", has_daemon=True, has_client=True, has_mmdebstrap=True)


def test_a_complete_host_needs_nothing() -> None:
    assert plan_engine(COMPLETE, DEBIAN_12, SOURCES).is_empty


def test_each_distribution_has_its_own_packages() -> None:
    common = {"docker.io", "iptables", "mmdebstrap", "ca-certificates"}
    assert set(plan_engine(BARE, DEBIAN_12, SOURCES).packages) == common | {"docker-compose/trixie"}
    assert set(plan_engine(BARE, DEBIAN_13, []).packages) == common | {"docker-cli", "docker-compose"}
    assert set(plan_engine(BARE, UBUNTU, []).packages) == common | {"docker-compose-v2"}


def test_compose_on_debian_12_comes_from_the_hosts_own_mirror() -> None:
    assert plan_engine(BARE, DEBIAN_12, SOURCES).extra_source == AptSource("http://mirror.example/debian", "trixie", ("main",))
    known = [*SOURCES, AptSource("http://mirror.example/debian", "trixie", ("main",))]
    assert plan_engine(BARE, DEBIAN_12, known).extra_source is None
    assert plan_engine(replace(COMPLETE, has_mmdebstrap=False), DEBIAN_12, SOURCES).extra_source is None


def test_an_engine_that_answers_is_left_alone() -> None:
    elsewhere = replace(COMPLETE, has_daemon=False, compose_version="")
    wanted = plan_engine(elsewhere, UBUNTU, [])
    assert wanted.packages == ("docker-compose-v2", "ca-certificates")
    assert not wanted.starts


def test_an_installed_engine_is_only_started() -> None:
    wanted = plan_engine(replace(COMPLETE, engine_version=""), DEBIAN_12, SOURCES)
    assert wanted.packages == ()
    assert wanted.steps == ["start the engine"]
