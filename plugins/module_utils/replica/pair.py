"""The durable database together with its replica, brought to one state."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome
from ansible_collections.echobase.platform.plugins.module_utils.durable_db.ensure import DatabaseStep, DurableDb, WantedDatabase
from ansible_collections.echobase.platform.plugins.module_utils.replica.ensure import DurableReplica, WantedReplica


def ensure_pair(
    database: DurableDb, replica: DurableReplica, wanted: WantedDatabase, *, with_replica: bool, rebuild: bool, check_mode: bool
) -> Outcome:
    """The database comes first, whatever becomes of the replica: what follows it gets all that it wrote before it stopped."""
    # The name of the replica's volume confirms nothing about the database itself.
    own = replace(wanted, confirm="") if wanted.confirm == replica.volume else wanted
    first = database.ensure(own, check_mode)
    drifts = bool(first.facts["drift"]) and DatabaseStep.RECREATE.value not in first.facts["steps"]
    second = replica.ensure(
        WantedReplica(wanted.state, with_replica, rebuild, wanted.key_fingerprint, wanted.confirm),
        check_mode,
        primary_drifts=drifts,
        primary_changed=first.changed,
    )
    if second.before["volume"] is None and second.after["volume"] is None and not second.changed:
        return first
    return Outcome(
        changed=first.changed or second.changed,
        before={**first.before, "replica": second.before},
        after={**first.after, "replica": second.after},
        facts={**first.facts, "replica": second.facts},
        warnings=first.warnings + second.warnings,
    )
