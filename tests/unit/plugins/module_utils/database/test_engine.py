from __future__ import annotations

import pytest

from ansible_collections.echobase.platform.plugins.filter.database_image import database_image
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.engines.registry import engine_named
from ansible_collections.echobase.platform.plugins.module_utils.environment.database_places import ENGINES
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import environment


def test_the_newest_has_the_name_of_the_service_and_is_the_default() -> None:
    for engine in ENGINES:
        assert engine_named(engine).image_of_major() == environment("devlocal").server(engine).service
        assert len(engine_named(engine).images) >= 2


def test_what_yaml_takes_for_a_number_is_a_major_too() -> None:
    assert (database_image("mariadb", 10.11), database_image("postgresql", 15)) == ("mariadb-10.11", "postgres-15")


def test_an_unknown_one_names_those_there_are() -> None:
    with pytest.raises(Refusal, match="there is no image of postgresql 9 - durable_db_version is one of 17, 15"):
        engine_named("postgresql").image_of_major("9")
