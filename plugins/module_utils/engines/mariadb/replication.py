"""How a second MariaDB follows the first one: by its transactions' numbers (GTID), from a copy of its files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from ansible_collections.echobase.platform.plugins.module_utils.database.accounts import BACKUP_USER
from ansible_collections.echobase.platform.plugins.module_utils.database.replication import Replication
from ansible_collections.echobase.platform.plugins.module_utils.database.server_definition import SECRETS_FOLDER
from ansible_collections.echobase.platform.plugins.module_utils.environment.inside import AUTHORITY_FILE

# The position of the copy becomes that of the replica.
_COPY = f"""
cat > /tmp/seed.cnf <<END
[client]
host=$1
user={BACKUP_USER}
password=$(< {SECRETS_FOLDER}/backup_password)
protocol=tcp
ssl-ca={AUTHORITY_FILE}
ssl-verify-server-cert
END
mkdir "$data"
mariadb-backup --defaults-extra-file=/tmp/seed.cnf --backup --host="$1" --datadir=/var/lib/mysql/current --target-dir="$data" --tmpdir=/tmp
mariadb-backup --prepare --target-dir="$data"
# An older major names its notes otherwise.
IFS=- read -r domain server number <<< "$(cut --fields=3 "$data"/*_binlog_info)"
rm --force -- "$data"/mariadb_backup_* "$data"/xtrabackup_* "$data"/*.qp "$data/backup-my.cnf"
# What the primary's data folder says of itself holds for its copy.
for note in encryption-key major; do
  [[ ! -e /var/lib/mysql/current/$note ]] || cp "/var/lib/mysql/current/$note" "$data/"
done
key=()
[[ ! -e $data/encryption-key ]] || key=("--file-key-management-filename={SECRETS_FOLDER}/$(< "$data/encryption-key")")
{{
  echo 'DELETE FROM mysql.gtid_slave_pos;'
  [[ ! $number ]] || echo "INSERT INTO mysql.gtid_slave_pos VALUES ($domain, 1, $server, $number);"
}} | mariadbd --bootstrap --datadir="$data" "${{key[@]}}" --tmpdir=/tmp --skip-log-bin
"""


class MariadbReplication(Replication):
    primary_position: ClassVar[str] = "SELECT @@global.gtid_binlog_pos"
    replica_position: ClassVar[str] = "SELECT @@global.gtid_slave_pos"
    state: ClassVar[str] = (
        "SELECT slave_io_running = 'Yes', slave_sql_running = 'Yes', gtid_slave_pos,"
        " COALESCE(seconds_behind_master, TIMESTAMPDIFF(SECOND, slave_last_event_time, NOW()), ''),"
        " REPLACE(CONCAT(last_sql_error, IF(last_sql_error <> '' AND last_io_error <> '', '; ', ''), last_io_error), '\\n', ' ')"
        " FROM information_schema.slave_status"
    )
    go_on_applying: ClassVar[str] = "START SLAVE SQL_THREAD"
    all_applied: ClassVar[str] = "SELECT 1 FROM information_schema.slave_status WHERE gtid_io_pos = gtid_slave_pos OR gtid_io_pos = ''"
    promote: ClassVar[str] = "STOP SLAVE; RESET SLAVE ALL"
    copy: ClassVar[str] = _COPY
    copy_writes_to: ClassVar[Sequence[str]] = ("/run/mysqld",)
    copies_files: ClassVar[bool] = True
    unit: ClassVar[Literal["transactions", "bytes"]] = "transactions"

    def distance(self, behind: str, ahead: str) -> int:
        return _number(ahead) - _number(behind)


def _number(position: str) -> int:
    return int(position.rpartition("-")[2] or 0)
