from __future__ import annotations

import base64
from pathlib import Path

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.credentials.secret_kinds import FIRST_ROOT_PASSWORD, KINDS
from ansible_collections.echobase.platform.plugins.module_utils.credentials.store import (
    SecretStore,
    completed,
    key_fingerprint,
    missing,
)


def test_completing_keeps_what_is_there_and_generates_the_rest() -> None:
    values = completed({"kms_key": "mine"})
    assert set(values) == set(KINDS)
    assert values["kms_key"] == "mine"
    assert missing(values) == []
    assert len(set(values.values())) == len(KINDS)


def test_what_we_do_not_know_is_kept() -> None:
    assert completed({"kms_key": "mine", "of_a_later_version": "theirs"})["of_a_later_version"] == "theirs"


def test_what_guards_no_data_may_be_made_anew() -> None:
    assert {name for name, kind in KINDS.items() if not kind.guards_data} == {
        "operator_password",
        "metrics_password",
        "token_key",
        "preview_key",
        "desk_key",
        "cloud_key",
        "db_backup_password",
        "db_monitor_password",
        "db_replica_password",
        "cache_app_password",
        "cache_monitor_password",
        "cache_admin_password",
    }


def test_passwords_need_no_quoting_and_keys_have_32_bytes() -> None:
    values = completed({})
    assert all(values[name].isalnum() and len(values[name]) == 32 for name in KINDS if name.endswith("password"))
    assert all(len(base64.b64decode(values[name])) == 32 for name in KINDS if name.endswith("key") and name != "db_backup_key")


def test_fingerprint_depends_on_the_keys_of_the_data_only() -> None:
    values = completed({})
    assert key_fingerprint(values) == key_fingerprint(values | {"operator_password": "other"})
    assert key_fingerprint(values) != key_fingerprint(values | {"kms_key": "other"})
    assert len(key_fingerprint(values)) == 16
    # The administrator's password may change; the volume's label cannot.
    rotated = values | {"db_root_password": "other", FIRST_ROOT_PASSWORD: values["db_root_password"]}
    assert key_fingerprint(values) == key_fingerprint(rotated)
    assert key_fingerprint(values) != key_fingerprint(values | {"db_root_password": "other"})


@pytest.mark.parametrize("password", [None, b"secret"])
def test_saved_values_are_loaded_again(tmp_path: Path, password: bytes | None) -> None:
    store = SecretStore(tmp_path / "secrets.json", password)
    assert store.load() == {}
    assert store.needs_rewrite()
    store.save({"kms_key": "value"})
    assert store.load() == {"kms_key": "value"}
    assert store.file.stat().st_mode & 0o777 == 0o600
    assert not store.needs_rewrite()
    assert (b"value" in store.file.read_bytes()) == (password is None)


def test_a_clear_file_is_rewritten_for_the_vault(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    SecretStore(file).save({"kms_key": "value"})
    store = SecretStore(file, b"secret")
    assert store.load() == {"kms_key": "value"}
    assert store.needs_rewrite()


def test_a_sealed_file_needs_its_password(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    SecretStore(file, b"secret").save({"kms_key": "value"})
    with pytest.raises(Refusal, match="is encrypted with Ansible Vault"):
        SecretStore(file).load()
    with pytest.raises(Refusal, match="the vault password does not open"):
        SecretStore(file, b"wrong").load()


@pytest.mark.parametrize("content", ['{"kms_key": "very-secret', '["very-secret"]', '{"kms_key": ["very-secret"]}', '{"kms_key": ""}'])
def test_a_damaged_file_is_refused_without_showing_it(tmp_path: Path, content: str) -> None:
    file = tmp_path / "secrets.json"
    file.write_text(content)
    with pytest.raises(Refusal, match="is damaged") as caught:
        SecretStore(file).load()
    assert "very-secret" not in str(caught.value)
    assert file.read_text() == content
