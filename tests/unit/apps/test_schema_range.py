from __future__ import annotations

from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

import migrations
from orders.schema_range import CONTRACTS, EXPAND_AT_LEAST, IMPLIED_EXPAND, NO_CONTRACT, SchemaRevisions


@pytest.fixture(scope="module")
def scripts() -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    return ScriptDirectory.from_config(config)


@pytest.mark.parametrize(
    ("rows", "expand", "contract", "within"),
    [
        ([], "", "", False),
        (["expand_0001"], "expand_0001", "", False),
        (["expand_0002"], "expand_0002", "", False),
        (["expand_0003"], "expand_0003", "", False),
        (["expand_0004"], "expand_0004", "", False),
        (["expand_0005"], "expand_0005", "", True),
        (["expand_0007"], "expand_0007", "", True),
        # The version table leaves out what the contract implies.
        (["contract_0001"], "expand_0002", "contract_0001", False),
        (["contract_0001", "expand_0005"], "expand_0005", "contract_0001", True),
        (["contract_0002", "expand_0005"], "expand_0005", "contract_0002", False),
    ],
)
def test_the_range(rows: list[str], expand: str, contract: str, within: bool) -> None:
    revisions = SchemaRevisions.of(rows)
    assert (revisions.expand, revisions.contract) == (expand, contract)
    assert revisions.within_range is within


def test_every_revision_named_here_exists(scripts: ScriptDirectory) -> None:
    for revision in (EXPAND_AT_LEAST, *(contract for contract in CONTRACTS if contract != NO_CONTRACT)):
        assert scripts.get_revision(revision)


def test_what_contracts_imply_is_what_they_depend_on(scripts: ScriptDirectory) -> None:
    depends = {script.revision: script.dependencies for script in scripts.walk_revisions() if script.revision.startswith("contract_")}
    assert {revision: (IMPLIED_EXPAND[revision],) for revision in depends} == {
        revision: (wanted,) if isinstance(wanted, str) else tuple(wanted or ()) for revision, wanted in depends.items()
    }


def test_this_release_runs_on_the_newest_schema(scripts: ScriptDirectory) -> None:
    newest = SchemaRevisions.of(script.revision for script in scripts.walk_revisions())
    assert newest.within_range


def test_the_two_branches_have_one_head_each(scripts: ScriptDirectory) -> None:
    assert sorted(head.partition("_")[0] for head in scripts.get_heads()) in (["contract"], ["contract", "expand"])
