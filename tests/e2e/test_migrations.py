"""A migration as a user runs it: refused without a way back, rehearsed on a restored backup, done on the live schema, on the record."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import DeployedEnvironment

from ansible_collections.echobase.platform.plugins.module_utils.environment.ledger import Ledger
from harness.environment_under_test import TEST, try_playbook

CONTRACT = ("-e", "migrate_action=contract", "-e", '{"db_migration_gate": true}')


def applied(environment: DeployedEnvironment) -> set[str]:
    return {row[0] for row in environment.sql("SELECT version_num FROM migrations")}


@pytest.mark.long
def test_a_contract_is_rehearsed_and_then_done(deployed_environment: DeployedEnvironment) -> None:
    foretold = deployed_environment.run("migrate", "--check", "--diff", *CONTRACT)
    assert "ALTER TABLE orders MODIFY accepted_by VARCHAR(16) NOT NULL, LOCK=NONE" in foretold.output
    assert applied(deployed_environment) == {"expand_0005"}

    refused = try_playbook("migrate", *CONTRACT, "-e", "db_migration_restorable_minutes=-1")
    assert refused.code != 0
    assert "the schema is left as it is: " in refused.output
    assert applied(deployed_environment) == {"expand_0005"}

    deployed_environment.run("backup")
    migrated = deployed_environment.run("migrate", *CONTRACT)
    assert migrated.changed > 0
    # Told while it is done.
    assert "· applying contract_0001" in migrated.output
    assert applied(deployed_environment) == {"expand_0005", "contract_0001"}
    entry = next(entry for entry in reversed(Ledger(Path(TEST.path("ledger.jsonl"))).entries()) if entry["event"] == "migrated")
    assert entry["details"]["to"] == ["expand_0005", "contract_0001"]
    assert entry["details"]["rehearsed"] is True

    assert deployed_environment.run("migrate", *CONTRACT).changed == 0
