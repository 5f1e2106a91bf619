from __future__ import annotations

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.rotation.kinds import APPLICATION_KEYS, DATA_KEYS, PASSWORDS, rotations


def test_each_name_goes_to_who_rotates_it() -> None:
    found = rotations("token_key, db_backup_key,operator_password")
    assert found == {
        "passwords": ["operator_password"],
        "application_keys": ["token_key"],
        "data_keys": ["db_backup_key"],
        "problem": "",
    }


@pytest.mark.parametrize(
    ("named", "problem"), [("", "nothing is named"), (" , ", "nothing is named"), ("jwt,x", "nothing is called jwt or x")]
)
def test_what_is_unknown_is_refused_with_the_list_of_names(named: str, problem: str) -> None:
    told = str(rotations(named)["problem"])
    assert told.startswith(f"{problem} - give -e rotate= one name or several")
    assert told.endswith(", ".join((*PASSWORDS, *APPLICATION_KEYS, *DATA_KEYS)))


def test_the_administrators_password_can_be_rotated() -> None:
    found = rotations("db_root_password")
    assert (found["passwords"], found["problem"]) == (["db_root_password"], "")


def test_what_somebody_else_runs_is_theirs_to_rotate() -> None:
    told = str(rotations("token_key,db_monitor_password,db_volume_key", "external")["problem"])
    assert told.startswith("db_monitor_password, db_volume_key of a database that somebody else runs is not ours to change - ")
    # What its owner has changed is taken over.
    found = rotations("token_key,db_app_password,cache_app_password", "external")
    assert (found["problem"], found["passwords"]) == ("", ["db_app_password", "cache_app_password"])
