from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.application.colour_project import colour_project
from ansible_collections.echobase.platform.plugins.module_utils.application.definition import Definition
from ansible_collections.echobase.platform.plugins.module_utils.application.stored import Deployed
from ansible_collections.echobase.platform.plugins.module_utils.colours.job_service import HOST_NETWORK, command_of, job_project, place_of
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment, environment
from ansible_collections.echobase.platform.plugins.module_utils.migrations.job import ReachableDatabase
from ansible_collections.echobase.platform.plugins.module_utils.migrations.release_on_copy import on_copy

COPY = ReachableDatabase("postgresql", "echobase-test-durable-postgres", 5432, "the-copys-network")


@pytest.fixture
def env(tmp_path: Path) -> Environment:
    env = environment("test", str(tmp_path))
    for consumer in ("app", "migrate"):
        folder = Path(env.path("secrets", consumer))
        folder.mkdir(parents=True)
        (folder / "db_password").write_text(f"of {consumer}")
    return env


def shop() -> Deployed:
    definition = Definition.of(
        {
            "services": {
                "web": {"image": "web", "networks": {"default": None}, "ports": [{"target": 8080, "published": "8080"}]},
                "worker": {
                    "image": "worker",
                    "networks": {"default": None, "queue": None},
                    "volumes": [{"type": "volume", "source": "files", "target": "/files"}],
                },
                "migrate": {"image": "worker", "command": ["./migrate", "$$HOME"], "profiles": ["jobs"]},
            },
            "networks": {"default": {}, "queue": {"internal": True}},
            "volumes": {"files": {}},
            "x-echobase": {
                "routes": {"/": {"service": "web", "port": 8443, "tls": True}},
                "database": {"engine": "postgresql", "as": {"url": "DATABASE_URL", "host": "PGHOST"}},
                "cache": "redis",
                "volumes": {"files": "shared"},
                "jobs": {"expand": "migrate"},
            },
        }
    )
    return Deployed(definition, "1.0.0-abc", "1.0.0", {"web": "web:1", "worker": "worker:1", "migrate": "worker:1"})


def on_a_copy(env: Environment) -> dict[str, Any]:
    place = COPY.told_to(place_of(env, shop(), "postgresql", colour="green"))
    place = replace(place, colour=replace(place.colour, name="rehearsal", project="throwaway", container_prefix="throwaway"))
    return on_copy(colour_project(shop().definition, place), place, COPY)


def test_a_release_on_a_copy_touches_nothing_of_the_environment(env: Environment) -> None:
    """Neither its volumes nor its networks, ports, cache or names."""
    project = on_a_copy(env)
    assert set(project["services"]) == {"rehearsal-web", "rehearsal-worker"}
    web, worker = project["services"]["rehearsal-web"], project["services"]["rehearsal-worker"]
    assert "ports" not in web
    assert web["container_name"] == "throwaway-web"
    assert web["networks"] == {"default": {"aliases": ["web"]}, "durable": {}}
    assert project["networks"] == {
        "default": {},
        "queue": {"internal": True},
        "durable": {"name": "the-copys-network", "external": True},
    }
    assert project["volumes"] == {"files": {}}
    assert worker["environment"]["PGHOST"] == COPY.host
    assert not [name for name in worker["environment"] if "CACHE" in name or "REDIS" in name]
    own = {mount["source"] for service in (web, worker) for mount in service["volumes"] if mount["type"] == "bind"}
    assert env.path("tls", "rehearsal") not in own
    assert env.path("tls", "blue") in own


def test_a_job_stands_for_itself_on_the_one_network_that_it_is_told(env: Environment) -> None:
    release = shop()
    place = COPY.told_to(place_of(env, release, "postgresql"))
    project = json.loads(job_project(release, place, "expand", COPY.network, variables={"MORE": "5$"}, mounts={"/run/x": "/srv/x"}))
    assert list(project["services"]) == ["job"]
    job = project["services"]["job"]
    assert (job["image"], job["pull_policy"], job["networks"]) == ("worker:1", "never", {"there": {}})
    assert project["networks"] == {"there": {"name": COPY.network, "external": True}}
    assert not {"profiles", "restart", "network_mode"} & set(job)
    assert job["environment"]["MORE"] == "5$$"
    # The account that may change the schema.
    assert job["environment"]["DATABASE_URL"].startswith("postgresql://migrate_user:of%20migrate@echobase-test-durable-postgres:5432/")
    assert {mount["target"]: mount["source"] for mount in job["volumes"]}["/run/x"] == "/srv/x"
    as_customer = json.loads(job_project(release, replace(place, migrator=None), "expand", HOST_NETWORK))
    assert as_customer["services"]["job"]["network_mode"] == "host"
    assert "networks" not in as_customer
    assert "DATABASE_URL" not in as_customer["services"]["job"]["environment"]


def test_arguments_follow_the_jobs_own_command() -> None:
    assert command_of(shop(), "expand") == ["./migrate", "$HOME"]
