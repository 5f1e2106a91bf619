from __future__ import annotations

import hashlib
import json

from ansible_collections.echobase.platform.plugins.module_utils.cache.accounts import account_file, exporter_passwords, mark_of
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import environment

ENV = environment("test")
VALUES = {"cache_app_password": "of the app", "cache_monitor_password": "of the monitor", "cache_admin_password": "of the admin"}


def users(values: dict[str, str] = VALUES) -> dict[str, list[str]]:
    lines = [line.split() for line in account_file(ENV, values).splitlines()]
    assert {line[0] for line in lines} == {"user"}
    return {line[1]: line[2:] for line in lines}


def test_nobody_gets_in_without_an_account() -> None:
    assert users()["default"] == ["off"]


def test_the_file_has_digests_and_no_password() -> None:
    found = account_file(ENV, VALUES)
    assert not [password for password in VALUES.values() if password in found]
    assert users()["app_user"][:2] == ["on", f"#{hashlib.sha256(b'of the app').hexdigest()}"]


def test_the_application_may_use_all_keys_and_nothing_dangerous() -> None:
    rules = users()["app_user"][2:]
    assert rules[:2] == ["~*", "&*"]
    # The last rule about a command holds.
    assert rules.index("+@all") < rules.index("-@admin") < rules.index("-@dangerous") < rules.index("+info")


def test_the_monitor_sees_no_key() -> None:
    assert not [rule for rule in users()["monitor_user"] if rule.startswith(("~", "&", "+@"))]


def test_the_mark_is_a_user_that_can_do_nothing_and_changes_with_every_account() -> None:
    mark = mark_of(account_file(ENV, VALUES))
    assert users()[mark] == ["off"]
    assert mark == mark_of(account_file(ENV, dict(VALUES)))
    others = {mark_of(account_file(ENV, VALUES | {name: "another"})) for name in VALUES}
    assert len(others | {mark}) == 4


def test_the_exporter_finds_its_password_by_address_and_user() -> None:
    assert json.loads(exporter_passwords(ENV, VALUES)) == {"rediss://monitor_user@redis.echobase.internal:6379": "of the monitor"}
