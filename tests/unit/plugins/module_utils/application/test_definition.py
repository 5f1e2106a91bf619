from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.application.definition import Definition
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal

from .compose_examples import shop


def test_a_service_whose_place_the_durable_layer_takes_is_gone_with_its_volume_and_whoever_waits_for_it() -> None:
    definition = Definition.of(shop())
    assert list(definition.services) == ["api", "web"]
    assert list(definition.jobs) == ["migrate"]
    assert definition.services["api"]["depends_on"] == {"web": {"condition": "service_started"}}
    assert definition.project["volumes"] == {}


def test_what_was_kept_of_it_is_read_again_as_the_same() -> None:
    definition = Definition.of(shop())
    again = Definition.of(definition.project)
    assert (again.project, again.settings, again.digest) == (definition.project, definition.settings, definition.digest)


def test_a_services_place_on_the_builders_disk_is_no_part_of_a_release() -> None:
    moved = shop()
    moved["services"]["web"]["build"]["context"] = "/home/somebody/shop/web"
    other = shop()
    other["services"]["api"]["environment"]["MODE"] = "debug"
    assert Definition.of(moved).digest == Definition.of(shop()).digest != Definition.of(other).digest


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"privileged": True}, "services.api.privileged: the container would be root on the host"),
        ({"network_mode": "host"}, "services.api.network_mode: 'host' leaves the colour's own networks"),
        ({"network_mode": "service:web"}, "services.api.network_mode: 'service:web' leaves"),
        ({"pid": "host"}, "services.api.pid: 'host' shares it with others"),
        ({"ipc": "container:x"}, "services.api.ipc: 'container:x' shares it with others"),
        ({"cap_add": ["NET_ADMIN", "SYS_ADMIN"]}, "services.api.cap_add: with SYS_ADMIN"),
        ({"security_opt": ["seccomp=unconfined"]}, "services.api.security_opt: 'seccomp=unconfined' takes"),
        ({"devices": [{"source": "/dev/fuse"}]}, "services.api.devices: reaches out of the colour"),
        ({"deploy": {"replicas": 3}}, "services.api.deploy.replicas: is 3"),
        (
            {"volumes": [{"type": "bind", "source": "/var/run/docker.sock", "target": "/var/run/docker.sock"}]},
            "services.api.volumes: /var/run/docker.sock makes the container root on the host",
        ),
        (
            {"volumes": [{"type": "bind", "source": "/srv/shop", "target": "/app"}]},
            "services.api.volumes: /app is /srv/shop of one machine",
        ),
        (
            {"volumes": [{"type": "volume", "source": "data", "target": "/data"}]},
            "volumes.data: would be written by both colours, or each would have data of its own",
        ),
        ({"image": None}, "services.api: has neither an image nor a build section"),
    ],
)
def test_what_two_colours_cannot_both_have_is_refused_with_its_place(change: dict[str, Any], expected: str) -> None:
    project = shop()
    project["services"]["api"] |= change
    with pytest.raises(Refusal) as refused:
        Definition.of(project, "compose.yml")
    assert str(refused.value).startswith(f"compose.yml: {expected}")
    assert refused.value.remedy


def test_a_declared_volume_is_allowed() -> None:
    project = shop(volumes={"uploads": "shared"})
    project["volumes"]["uploads"] = {"name": "shop_uploads"}
    project["services"]["api"]["volumes"] = [{"type": "volume", "source": "uploads", "target": "/uploads"}]
    assert Definition.of(project).settings.volumes == {"uploads": "shared"}


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ({"routes": {"/": "db:5432"}}, "x-echobase.routes: 'db' is replaced by the durable layer"),
        ({"routes": {"/": "migrate:80"}}, "x-echobase.routes: 'migrate' is a job"),
        ({"jobs": {"schema": "migrate", "expand": "migrate"}}, "x-echobase.jobs: schema stands beside expand or contract"),
        ({"volumes": {"nothing": "shared"}}, "x-echobase.volumes.nothing: there is no such volume"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(block: dict[str, Any], expected: str) -> None:
    with pytest.raises(Refusal, match=expected.replace(".", r"\.")):
        Definition.of(shop(**block))


def test_several_problems_have_a_line_each() -> None:
    project = shop()
    project["services"]["api"] |= {"privileged": True, "pid": "host"}
    with pytest.raises(Refusal) as refused:
        Definition.of(project, "compose.yml")
    assert str(refused.value).splitlines()[0] == "compose.yml has 2 problems:"
    assert len(str(refused.value).splitlines()) == 4


def test_what_is_done_otherwise_is_told() -> None:
    project = shop()
    project["services"]["api"]["container_name"] = "shop-api"
    assert Definition.of(project).notes == (
        "services.api.container_name: each colour's container is named by its environment and colour",
        "services.api.ports: 8000 is bound to 127.0.0.1, and in each colour moved by the colour's offset",
        "services.web.healthcheck: there is none, so a container that runs counts as ready",
    )
