from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from orders.credentials import NoSecrets, database_password, key_id, signing_keys
from orders.settings import CloudSettings, DatabaseSettings

KEY = b"k" * 32


@dataclass
class Secrets:
    known: dict[str, dict[str, Any]]

    def read(self, secret_id: str) -> dict[str, Any] | None:
        return self.known.get(secret_id)


@pytest.fixture
def database(tmp_path: Path) -> DatabaseSettings:
    (tmp_path / "db_password").write_text("from the file\n")
    return DatabaseSettings("mariadb", "mariadb", 3306, "orders_db", "app_user", tmp_path / "db_password", tmp_path / "ca.crt", "database")


@pytest.fixture
def cloud(tmp_path: Path) -> CloudSettings:
    (tmp_path / "token_key").write_text(base64.b64encode(KEY).decode() + "\n")
    return CloudSettings("eu-central-1", "alias/echobase-test", "jwt", tmp_path / "token_key", "orders", "")


def test_the_password_comes_from_secrets_manager(database: DatabaseSettings) -> None:
    assert database_password(database, Secrets({"database": {"username": "app_user", "password": "from the cloud"}})) == "from the cloud"


@pytest.mark.parametrize("secrets", [NoSecrets(), Secrets({}), Secrets({"database": {"username": "other", "password": "x"}})])
def test_else_from_the_file(database: DatabaseSettings, secrets: Any) -> None:
    assert database_password(database, secrets) == "from the file"


def test_both_sources_give_the_signing_key_the_same_name(cloud: CloudSettings) -> None:
    text = base64.b64encode(KEY).decode()
    from_cloud = signing_keys(cloud, Secrets({"jwt": {"current": key_id(KEY), "keys": {key_id(KEY): text}}}))
    assert signing_keys(cloud, NoSecrets()) == from_cloud
    assert from_cloud.signing_key == KEY


def test_while_the_cloud_is_away_the_file_tells_the_same_keys(cloud: CloudSettings) -> None:
    other = b"o" * 32
    document = {
        "current": key_id(other),
        "keys": {key_id(key): base64.b64encode(key).decode() for key in (KEY, other)},
        "until": {key_id(KEY): 1000},
    }
    cloud.token_key_file.with_name("token_keys").write_text(json.dumps(document))
    from_file = signing_keys(cloud, NoSecrets())
    assert from_file == signing_keys(cloud, Secrets({"jwt": document}))
    assert from_file.signing_key == other
    assert set(from_file.accepted(999)) == {key_id(KEY), key_id(other)}
    assert set(from_file.accepted(1000)) == {key_id(other)}
