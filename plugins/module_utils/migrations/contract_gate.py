"""Whether a contract may be applied: only when every release that is deployed can live with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal


def refuse_while_needed(pending: Sequence[str], contracts: Mapping[str, Sequence[str]]) -> None:
    """`pending` are the revisions to come, `contracts` those that each colour's release knows.

    A release that does not know a contract would fail on it: rolling back to that release would then be no way back.
    """
    coming = [revision for revision in pending if revision.startswith("contract_")]
    for colour, known in contracts.items():
        strange = [revision for revision in coming if revision not in known]
        if strange:
            raise Refusal(
                f"the release in {colour} does not run on {strange[-1]}: while it is there, traffic may go back to it",
                f"deploy a release that runs on it to both colours, or remove that colour with {playbook('cleanup')}",
            )
