from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.application.access import Server
from ansible_collections.echobase.platform.plugins.module_utils.application.colour_project import (
    ColourPlace,
    as_text,
    colour_project,
    port_clashes,
)
from ansible_collections.echobase.platform.plugins.module_utils.application.definition import Definition
from ansible_collections.echobase.platform.plugins.module_utils.environment.inside import DATABASE_AUTHORITY_FILE
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import environment

from .compose_examples import shop

ENV = environment("devlocal")
DATABASE = Server("postgresql", "echobase-devlocal-durable-postgres", 5432, "app_user", "orders_db", password="pa$$")


def place(colour: str = "green") -> ColourPlace:
    images = {"api": "api@sha256:1", "web": "web:1", "migrate": "api@sha256:1"}
    return ColourPlace(
        ENV,
        ENV.colour(colour),
        "4-ab",
        "4",
        images,
        "@configuration@",
        telemetry="https://collector",
        database=DATABASE,
        migrator=replace(DATABASE, user="migrate_user"),
    )


def service(name: str, **block: Any) -> dict[str, Any]:
    made: dict[str, Any] = colour_project(Definition.of(shop(**block)), place())["services"][f"green-{name}"]
    return made


def test_names_are_unique_to_the_colour_and_plain_ones_are_known_within_it() -> None:
    api = service("api")
    assert api["container_name"] == "echobase-devlocal-green-api"
    assert api["networks"]["default"]["aliases"] == ["api"]
    assert service("web")["networks"]["default"]["aliases"] == ["web", "www"]
    # On networks that both colours share, a plain name would mean both.
    assert "aliases" not in api["networks"]["durable"] and "aliases" not in api["networks"]["edge"]
    assert api["depends_on"] == {"green-web": {"condition": "service_started"}}


def test_each_service_that_customers_reach_has_a_fixed_address_for_the_edge() -> None:
    assert service("web")["networks"]["edge"] == {"ipv4_address": ENV.colour("green").edge_addresses[0]}
    assert service("api")["networks"]["edge"] == {"ipv4_address": ENV.colour("green").edge_addresses[1]}
    assert "edge" not in service("migrate")["networks"]


def test_ports_move_by_the_colours_offset_and_only_this_machine_reaches_them() -> None:
    port = service("api")["ports"][0]
    assert (port["published"], port["target"], port["host_ip"]) == ("8200", 8000, "127.0.0.1")
    assert service("api")["environment"]["ECHOBASE_PUBLISHED_8000"] == "8200"


def test_the_database_is_told_as_the_program_wishes() -> None:
    variables = service("api")["environment"]
    assert variables["DATABASE_URL"].startswith(
        "postgresql://app_user:pa%24%24@echobase-devlocal-durable-postgres:5432/orders_db?sslmode=verify-full"
    )
    assert service("migrate")["environment"]["DATABASE_URL"].startswith("postgresql://migrate_user:")
    files = service("api", database={"as": {"password_file": "PGPASSFILE", "password": "PGPASSWORD"}, "instead_of": ["db"]})
    # Compose reads a dollar as the beginning of a variable.
    assert files["environment"]["PGPASSWORD"] == "pa$$$$"
    assert files["environment"]["PGPASSFILE"] == "/run/secrets/db_password"


def test_what_the_file_says_stays_and_what_is_ours_wins() -> None:
    project = shop()
    project["services"]["api"]["environment"] |= {"ECHOBASE_COLOUR": "red", "OTEL_SERVICE_NAME": "their name", "DATABASE_URL": "sqlite://"}
    variables = colour_project(Definition.of(project), place())["services"]["green-api"]["environment"]
    assert (variables["MODE"], variables["PRICE"], variables["OTEL_SERVICE_NAME"]) == ("production", "5$$", "their name")
    assert variables["ECHOBASE_COLOUR"] == "green"
    assert variables["DATABASE_URL"].startswith("postgresql://")
    assert "UNSET" not in variables


def test_limits_of_the_file_are_kept_and_others_set() -> None:
    project = shop()
    project["services"]["web"] |= {"deploy": {"resources": {"limits": {"memory": "104857600", "cpus": 0.5}}}, "restart": "always"}
    made = colour_project(Definition.of(project), place())["services"]
    assert (made["green-web"]["mem_limit"], made["green-web"]["cpus"], made["green-web"]["restart"]) == ("104857600", 0.5, "always")
    assert (made["green-api"]["mem_limit"], made["green-api"]["pids_limit"], made["green-api"]["restart"]) == (
        "512m",
        512,
        "unless-stopped",
    )
    assert made["green-api"]["security_opt"] == ["no-new-privileges:true"]


def test_a_job_runs_only_where_somebody_names_it() -> None:
    job = service("migrate")
    assert (job["profiles"], job["restart"]) == (["jobs"], "no")
    assert "container_name" not in job


def test_a_shared_volume_is_the_environments_and_another_one_the_colours() -> None:
    project = shop(volumes={"uploads": "shared", "scratch": "colour"})
    project["volumes"] |= {"uploads": {}, "scratch": {}}
    project["services"]["api"]["volumes"] = [{"type": "volume", "source": name, "target": f"/{name}"} for name in ("uploads", "scratch")]
    assert colour_project(Definition.of(project), place())["volumes"] == {
        "uploads": {"name": "echobase-devlocal-durable-uploads-data", "external": True},
        "scratch": {"name": "echobase-devlocal-green-scratch-data"},
    }


def test_variables_of_the_colour_may_stand_anywhere_in_the_file() -> None:
    project = shop()
    project["services"]["api"]["command"] = ["serve", "--queue", "shop-echobase-the-environment-echobase-the-colour"]
    text = as_text(colour_project(Definition.of(project), place()), place())
    assert json.loads(text)["services"]["green-api"]["command"][-1] == "shop-devlocal-green"


@pytest.mark.parametrize(
    ("published", "expected"),
    [
        ("443", "443 becomes 443 in blue, which the environment's edge has"),
        ("3306", "3306 becomes 3306 in blue, which the environment's mariadb has"),
    ],
)
def test_a_port_that_the_environment_has_itself_is_refused(published: str, expected: str) -> None:
    project = shop()
    project["services"]["api"]["ports"][0]["published"] = published
    assert expected in str(port_clashes(Definition.of(project), ENV)[0])


def test_ports_that_would_meet_in_two_colours_are_refused() -> None:
    project = shop()
    project["services"]["web"]["ports"] = [{"target": 80, "published": "8200", "protocol": "tcp"}]
    assert "8000 becomes 8200 in green, which web of blue has" in str(port_clashes(Definition.of(project), ENV)[0])


def test_who_changes_the_schema_by_itself_has_the_account_that_may_and_others_do_not() -> None:
    as_variables = {"user": "DB_USER", "password_file": "DB_PASSWORD_FILE"}
    database = {"engine": "postgresql", "as": as_variables, "instead_of": "db", "changes_schema": ["api"]}
    api, web = service("api", database=database), service("web", database=database)
    assert (api["environment"]["DB_USER"], web["environment"]["DB_USER"]) == ("migrate_user", "app_user")
    mounts = {mount["target"]: mount["source"] for mount in api["volumes"] if mount["type"] == "bind"}
    folder, _separator, _name = api["environment"]["DB_PASSWORD_FILE"].rpartition("/")
    assert mounts[folder] == ENV.path("secrets", "migrate")
    assert ENV.path("secrets", "migrate") not in [mount["source"] for mount in web["volumes"]]


def test_secrets_in_files_are_found_where_compose_puts_them() -> None:
    answer = shop()
    answer["secrets"] = {"token": {"file": "/srv/shop/token"}, "unused": {"file": "/srv/shop/unused"}}
    answer["services"]["web"]["secrets"] = [{"source": "token", "target": "/etc/shop/token"}, {"source": "token"}]
    definition = Definition.of(answer)
    assert definition.secret_files == {"token": "/srv/shop/token"}
    web = colour_project(definition, place())["services"]["green-web"]
    assert "secrets" not in web
    mounts = {mount["target"]: mount["source"] for mount in web["volumes"]}
    assert mounts["/run/secrets"] == ENV.path("secrets", "app")
    assert mounts["/etc/shop/token"] == ENV.path("secrets", "app", "token")


def test_a_database_of_somebody_elses_is_told_by_its_own_name_and_led_to_the_way_out() -> None:
    external = replace(
        DATABASE,
        host="db.example.com",
        port=25060,
        user="shop_app",
        authority_file=DATABASE_AUTHORITY_FILE,
        authority="/state/authority-1.crt",
        address="10.231.0.11",
    )
    there = replace(place(), database=external, migrator=replace(external, user="shop_migrate"))
    services = colour_project(Definition.of(shop()), there)["services"]
    api = services["green-api"]
    assert api["environment"]["DATABASE_URL"].startswith(
        "postgresql://shop_app:pa%24%24@db.example.com:25060/orders_db?sslmode=verify-full"
    )
    assert api["environment"]["DATABASE_URL"].endswith(f"sslrootcert={DATABASE_AUTHORITY_FILE}")
    assert api["extra_hosts"] == ["db.example.com:10.231.0.11"]
    mounts = {mount["target"]: mount["source"] for mount in api["volumes"]}
    # The one authority vouches for nothing of the other's.
    assert mounts[DATABASE_AUTHORITY_FILE] == "/state/authority-1.crt" and mounts["/run/tls-ca/ca.crt"] == ENV.path("tls", "ca.crt")
    assert "shop_migrate" in services["green-migrate"]["environment"]["DATABASE_URL"]
    assert "extra_hosts" not in service("api") and DATABASE_AUTHORITY_FILE not in str(service("api"))
