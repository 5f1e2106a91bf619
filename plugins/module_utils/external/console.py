"""Questions to an external database, as the account that migrates it: what a console in the server's container answers elsewhere."""

from __future__ import annotations

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.database.login import StatementError
from ansible_collections.echobase.platform.plugins.module_utils.environment.external_database import ExternalDatabase
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment
from ansible_collections.echobase.platform.plugins.module_utils.external.examination import reached
from ansible_collections.echobase.platform.plugins.module_utils.external.logins import ExternalLogins


def has_tables(env: Environment, database: ExternalDatabase) -> bool:
    """Whether the application has made anything in it yet."""
    logins = ExternalLogins(env, database)
    with reached(database, logins.as_containers_do("migrate")) as session:
        try:
            return session.query(logins.engine.statements.count_tables) != [["0"]]
        except StatementError as error:
            raise Refusal(
                f"{database.place} does not tell its tables: {error}", "see to the rights of the account for migrations"
            ) from error
