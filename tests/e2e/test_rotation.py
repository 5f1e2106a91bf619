"""Secrets are rotated by the playbook while both colours run: no order is lost, and what was rotated opens nothing any more."""

from __future__ import annotations

import json
import ssl
from pathlib import Path

import httpx
import pytest
from conftest import DeployedEnvironment

from ansible_collections.echobase.platform.plugins.module_utils.credentials.operator_line import fits
from ansible_collections.echobase.platform.plugins.module_utils.credentials.token_keys import key_id
from ansible_collections.echobase.platform.plugins.module_utils.credentials.wrapping_keys import wrapping_key_id
from ansible_collections.echobase.platform.plugins.module_utils.traffic.nginx_routes import NginxRoutes
from counting_client import Committed, OrdersClient, OrdersConfig, Target, every, verify_orders
from harness.environment_under_test import TEST, try_playbook


def secret(*path: str) -> str:
    return Path(TEST.path("secrets", *path)).read_text().strip()


def operators_line() -> str:
    return next(line for line in secret("desk", "operators.htpasswd").splitlines() if line.startswith("operator:"))


@pytest.mark.long
def test_a_rotation_by_the_playbook_loses_no_order(both_colours: DeployedEnvironment, tmp_path: Path) -> None:
    weights = NginxRoutes(TEST.path("routes")).current().weights.as_dict()
    target = Target(both_colours.base_url, both_colours.ca_file)
    password, key = secret("operator_password"), secret("app", "token_key")
    # By an earlier run of this test: while tokens of the key before count, there is no further key.
    was_rotated = bool(json.loads(secret("app", "token_keys"))["until"])

    def rotate() -> Committed:
        both_colours.run("rotate_secrets", "-e", "rotate=token_key,kms_key,operator_password,db_root_password")
        return Committed(weights)

    config = OrdersConfig(target, tmp_path / "orders", seconds=1, orders=50, customers=4, rate=20, timeout=60, weights=weights)
    report = OrdersClient(config, every(2.0, [rotate], 1)).run()
    report.assert_every_order_acknowledged()
    report.attempts.assert_nothing_lost()
    verify_orders(target, config.journal, deadline=60).assert_all_there()

    if not was_rotated:
        assert secret("app", "token_key") != key
    ready = httpx.get(f"{both_colours.base_url}/ready", verify=ssl.create_default_context(cafile=both_colours.ca_file)).json()
    assert ready["token_keys"]["signs"] == key_id(secret("app", "token_key"))
    assert key_id(key) in ready["token_keys"]["accepted"]
    assert ready["wrapping_key"] == wrapping_key_id(TEST.name, max(int(number) for number in json.loads(secret("emulator", "kms_keys"))))
    assert [fits(one, operators_line()) for one in (password, secret("operator_password"))] == [False, True]


def test_what_cannot_be_rotated_is_refused_with_the_names_that_can() -> None:
    refused = try_playbook("rotate_secrets", "-e", "rotate=jwt")
    assert refused.code != 0
    assert "nothing is called jwt - give -e rotate= one name or several" in refused.output
    assert "operator_password, db_root_password, token_key, kms_key, db_backup_key" in refused.output
