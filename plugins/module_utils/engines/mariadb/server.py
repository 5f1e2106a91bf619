"""What the durable MariaDB server is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from ansible_collections.echobase.platform.plugins.module_utils.containers.limits import SMALL_TEMPORARY, in_memory
from ansible_collections.echobase.platform.plugins.module_utils.database.accounts import REPLICA_USER
from ansible_collections.echobase.platform.plugins.module_utils.database.server_definition import (
    REPLICA_PASSWORD_FILE,
    ROOT_PASSWORD_FILE,
    SECRETS_FOLDER,
    ServerDefinition,
    health_check,
    read_only,
)
from ansible_collections.echobase.platform.plugins.module_utils.engines.mariadb.accounts import MariadbAccounts
from ansible_collections.echobase.platform.plugins.module_utils.engines.mariadb.settings import MARIADB_GUARDED, mariadb_settings
from ansible_collections.echobase.platform.plugins.module_utils.environment.database_places import MARIADB
from ansible_collections.echobase.platform.plugins.module_utils.environment.inside import AUTHORITY_FILE, DATABASE

_CONFIGURATION = "my.cnf"
# SQL that the server executes whenever it starts.
ADMINISTRATOR_FILE = f"{SECRETS_FOLDER}/root.sql"
# This is no line of the configuration file, since other programs of the image read that, too.
ADMINISTRATOR_OPTION = f"--init-file={ADMINISTRATOR_FILE}"
# A replica executes this when it starts. The password is in memory only, and never on its disk. Compose takes two dollar signs for one.
_FOLLOW_FILE = "/run/mysqld/follow.sql"
_FOLLOW = f"""
umask 077
password=$$(< {REPLICA_PASSWORD_FILE})
cat {ADMINISTRATOR_FILE} > {_FOLLOW_FILE}
cat >> {_FOLLOW_FILE} <<END
CHANGE MASTER TO MASTER_HOST='$$1', MASTER_USER='{REPLICA_USER}', MASTER_PASSWORD='$$password', MASTER_USE_GTID=slave_pos, MASTER_SSL=1,\
 MASTER_SSL_CA='{AUTHORITY_FILE}', MASTER_SSL_VERIFY_SERVER_CERT=1, MASTER_CONNECT_RETRY=1, MASTER_HEARTBEAT_PERIOD=5;
START SLAVE;
END
shift
exec docker-entrypoint.sh "$$@"
"""


class MariadbServer(ServerDefinition):
    engine: ClassVar[str] = MARIADB.engine
    needed_secrets: ClassVar[Sequence[str]] = ("encryption.keys", "root.sql")
    guarded_settings: ClassVar[frozenset[str]] = MARIADB_GUARDED | {"init_file"}
    initial_accounts: ClassVar[str] = MariadbAccounts.file

    @property
    def _own_settings(self) -> dict[str, str]:
        return mariadb_settings(self.memory_bytes, self.connections, self.encrypted)

    @property
    def _following_settings(self) -> dict[str, str]:
        return {
            "read_only": "ON",
            "relay_log": "relay-bin",
            # The data hold its position with each transaction, so a restart needs nothing from these two files.
            "master_info_file": "/run/mysqld/master.info",
            "relay_log_info_file": "/run/mysqld/relay-log.info",
            "init_file": _FOLLOW_FILE,
            "skip_slave_start": "ON",
            "slave_net_timeout": "20",
            # A replica tries for ever to connect to its primary again.
            "master_retry_count": "0",
            # Nobody archives a replica's logs.
            "binlog_expire_logs_seconds": "86400",
        }

    @property
    def _following_service(self) -> dict[str, Any]:
        entrypoint = ["bash", "-ceu", _FOLLOW, "follow", self.env.server(self.engine).container]
        return {"entrypoint": entrypoint, "command": ["mariadbd"]}

    @property
    def files(self) -> dict[str, str]:
        lines = [f"{name} = {value}" for name, value in self.settings.items()]
        return {_CONFIGURATION: "\n".join(["# Written by module durable_db.", "[mariadbd]", *lines, ""])}

    @property
    def companions(self) -> tuple[str, ...]:
        return () if self.follows else (f"{self.names.container}-archiver",)

    def says_what_is_wrong(self, line: str) -> bool:
        return "[ERROR]" in line or "ERROR:" in line or line.startswith("[entrypoint]")

    @property
    def _configuration_mount(self) -> dict[str, Any]:
        return read_only(self.env.path(self.names.service, _CONFIGURATION), "/etc/mysql/conf.d/echobase.cnf")

    @property
    def _own_service(self) -> dict[str, Any]:
        return {
            "command": ["mariadbd", ADMINISTRATOR_OPTION],
            # A table that is built or sorted there and gets too large fails alone, and not the whole server.
            "tmpfs": [
                f"/tmp:{in_memory(str(self.memory_bytes // 2))}",
                f"/run/mysqld:{in_memory(SMALL_TEMPORARY, f'uid={DATABASE},gid={DATABASE},mode=0755')}",
            ],
            "environment": {"MARIADB_DATABASE": self.env.database, "MARIADB_ROOT_PASSWORD_FILE": ROOT_PASSWORD_FILE},
            "healthcheck": health_check("--connect", "--innodb_initialized"),
        }
