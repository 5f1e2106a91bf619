"""How a second PostgreSQL follows the first one: by its log, which a slot on the first keeps for it."""

from __future__ import annotations

import re
from typing import ClassVar, Literal

from ansible_collections.echobase.platform.plugins.module_utils.database.accounts import REPLICA_USER
from ansible_collections.echobase.platform.plugins.module_utils.database.replication import LogReader, LogSlot, Replication
from ansible_collections.echobase.platform.plugins.module_utils.database.server_definition import SECRETS_FOLDER
from ansible_collections.echobase.platform.plugins.module_utils.engines.postgresql.server import REPLICATION_SLOT
from ansible_collections.echobase.platform.plugins.module_utils.engines.postgresql.wal import position
from ansible_collections.echobase.platform.plugins.module_utils.environment.inside import AUTHORITY_FILE

_COPY = f"""
export PGPASSWORD=$(< {SECRETS_FOLDER}/replica_password)
pg_basebackup --pgdata="$data" --slot={REPLICATION_SLOT} --wal-method=stream --checkpoint=fast --no-password \\
  --dbname="host=$1 user={REPLICA_USER} sslmode=verify-full sslrootcert={AUTHORITY_FILE}"
touch "$data/standby.signal"
"""
_SLOT = f"FROM pg_replication_slots WHERE slot_name = '{REPLICATION_SLOT}'"
_COUNT_TRANSACTIONS = r"""
timeline=$(pg_controldata "$1" | sed --quiet "s/^Latest checkpoint's TimeLineID: *//p")
pg_waldump --path="$1/pg_wal" --timeline="$timeline" --start="$2" --rmgr=Transaction | { grep --count 'desc: COMMIT' || true; }
"""
_COMPLAINT = re.compile(r"(?:FATAL|PANIC): +(.*)")


class PostgresReplication(Replication):
    primary_position: ClassVar[str] = "SELECT pg_current_wal_flush_lsn()"
    replica_position: ClassVar[str] = "SELECT pg_last_wal_replay_lsn()"
    state: ClassVar[str] = (
        "SELECT COALESCE((SELECT status = 'streaming' FROM pg_stat_wal_receiver), false)::int,"
        " (pg_is_in_recovery() AND pg_get_wal_replay_pause_state() = 'not paused')::int, pg_last_wal_replay_lsn(),"
        " COALESCE(EXTRACT(EPOCH FROM clock_timestamp() - pg_last_xact_replay_timestamp())::int::text, ''), ''"
    )
    go_on_applying: ClassVar[str] = "SELECT pg_wal_replay_resume() WHERE pg_is_in_recovery()"
    all_applied: ClassVar[str] = (
        "SELECT 1 WHERE pg_last_wal_replay_lsn() >= pg_last_wal_receive_lsn() OR EXISTS (SELECT FROM pg_stat_activity"
        " WHERE backend_type = 'startup' AND wait_event IN ('RecoveryRetrieveRetryInterval', 'RecoveryWalStream'))"
    )
    promote: ClassVar[str] = "SELECT CASE WHEN pg_is_in_recovery() THEN pg_promote(true, 300) ELSE true END"
    copy: ClassVar[str] = _COPY
    slot: ClassVar[LogSlot | None] = LogSlot(
        count=f"SELECT count(*) {_SLOT}",
        count_active=f"SELECT count(*) {_SLOT} AND active",
        add=f"SELECT pg_create_physical_replication_slot('{REPLICATION_SLOT}', true) WHERE NOT EXISTS (SELECT {_SLOT})",
        remove_useless=f"SELECT pg_drop_replication_slot(slot_name) {_SLOT} AND NOT active AND wal_status IN ('lost', 'unreserved')",
        remove=f"SELECT pg_drop_replication_slot(slot_name) {_SLOT}",
    )
    log_reader: ClassVar[LogReader | None] = LogReader(
        _COUNT_TRANSACTIONS, re.compile(r"could not find a valid record after|error in WAL record at")
    )
    unit: ClassVar[Literal["transactions", "bytes"]] = "bytes"

    def distance(self, behind: str, ahead: str) -> int:
        return position(ahead) - position(behind)

    def complaint(self, log: str) -> str:
        told = _COMPLAINT.findall(log)
        return told[-1] if told else ""
