from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import docker.errors
import pytest

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import ENVIRONMENT_LABEL
from ansible_collections.echobase.platform.plugins.module_utils.credentials.environment_secrets import EnvironmentSecrets
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import environment
from ansible_collections.echobase.platform.plugins.module_utils.rotation.root_password import RootPasswordRotation


def rotation(home: Path, containers: dict[str, Any]) -> RootPasswordRotation:
    def inspect(name: str) -> Any:
        try:
            return containers[name]
        except KeyError as error:
            raise docker.errors.NotFound(name) from error

    client: Any = SimpleNamespace(api=SimpleNamespace(inspect_container=inspect))
    env = environment("test", str(home))
    secrets = EnvironmentSecrets(env, None, data=lambda: ())
    secrets.present(check=False)
    return RootPasswordRotation(client, env, "mariadb", secrets)


def test_a_server_that_would_not_set_it_when_it_starts_is_refused(tmp_path: Path) -> None:
    older = {"State": {"Running": True}, "Config": {"Cmd": ["mariadbd"], "Labels": {ENVIRONMENT_LABEL: "test"}}}
    asked = rotation(tmp_path, {"echobase-test-durable-mariadb": older})
    before = asked.secrets.known()
    with pytest.raises(Refusal, match="made by a version that could not rotate db_root_password") as refused:
        asked.run(check_mode=False)
    assert "durable_db_recreate=always" in refused.value.remedy
    assert asked.secrets.known() == before


def test_without_a_server_that_takes_it_nothing_changes(tmp_path: Path) -> None:
    asked = rotation(tmp_path, {})
    before = asked.secrets.known()
    with pytest.raises(Refusal, match="echobase-test-durable-mariadb does not run"):
        asked.run(check_mode=False)
    assert asked.secrets.known() == before
