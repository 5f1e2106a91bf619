"""Passwords that change are no surprise for a colour's programs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.application.stored import StoredDefinitions
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.colours.work import ColourWork
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import environment


def colour(home: Path, **block: Any) -> ColourWork:
    env = environment("test", str(home))
    project = {"name": "shop", "services": {"web": {"image": "web"}}, "x-echobase": {"routes": {"/": "web:80"}, **block}}
    stored = StoredDefinitions(env)
    stored.write("blue", stored.text(project, "1-a", "1", {"web": "web"}))
    return ColourWork(env, env.colour("blue"))


def test_a_password_in_a_variable_is_refused_unless_that_is_wanted(tmp_path: Path) -> None:
    blue = colour(tmp_path, database={"as": {"url": "DATABASE_URL"}})
    with pytest.raises(Refusal, match="blue tells its services a password in DATABASE_URL, which only a new deployment changes") as refusal:
        blue.take_passwords(["db_app_password"], anyway=False, check=True)
    assert "rotate_interrupts=true" in refusal.value.remedy
    assert "they fail until you deploy it again" in blue.take_passwords(["db_app_password"], anyway=True, check=True).warnings[0]


@pytest.mark.parametrize("passwords", [["operator_password"], ["cache_app_password"], []])
def test_other_passwords_are_none_of_its_business(tmp_path: Path, passwords: list[str]) -> None:
    blue = colour(tmp_path, database={"as": {"url": "DATABASE_URL"}}, cache={"as": {"host": "REDIS_HOST", "password_file": "REDIS_FILE"}})
    assert not blue.take_passwords(passwords, anyway=False, check=True).changed


def test_a_colour_that_is_not_there_takes_none(tmp_path: Path) -> None:
    env = environment("test", str(tmp_path))
    assert not ColourWork(env, env.colour("green")).take_passwords(["db_app_password"], anyway=False, check=False).changed
