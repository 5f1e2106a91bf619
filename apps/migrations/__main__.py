"""`python -m migrations status|expand|contract|backfill|plan|range` prints one line of JSON: where the schema was and where it is."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import replace

from sqlalchemy.exc import SQLAlchemyError

from migrations.schema import BRANCHES, PATIENCE_SECONDS, Schema
from migrations.statements import SchemaBusy
from orders.credentials import NoSecrets
from orders.database import Database
from orders.schema_range import CONTRACTS, EXPAND_AT_LEAST
from orders.settings import DatabaseSettings, SettingsError, Variables

# One migrates, one holds the lock, one keeps the journal, one is the writer that watches, one asks how far the replica has to be.
_CONNECTIONS = 5


def main() -> int:
    options = _options()
    try:
        answer = _run(options)
    except (SettingsError, SchemaBusy, OSError) as error:
        print(f"migrations {options.action}: {error}", file=sys.stderr)
        return 1
    except SQLAlchemyError as error:
        print(f"migrations {options.action}: {getattr(error, 'orig', None) or error}", file=sys.stderr)
        return 1
    print(json.dumps(answer))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m migrations")
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("range", help="the schemas that this release runs on; asks no database")
    actions.add_parser("status", help="what is applied, what is pending, what was broken off")
    plan = actions.add_parser("plan", help="the SQL that a branch would send")
    plan.add_argument("branch", choices=BRANCHES)
    for name in (*BRANCHES, "backfill"):
        action = actions.add_parser(name)
        action.add_argument("--patience", type=float, default=PATIENCE_SECONDS, help="seconds to go on trying while others are in the way")
        action.add_argument("--watch", action="store_true", help="measure for how long each statement holds up a writer")
    return parser.parse_args()


def _run(options: argparse.Namespace) -> Mapping[str, object]:
    runs_on = {"expand_at_least": EXPAND_AT_LEAST, "contracts": list(CONTRACTS)}
    if options.action == "range":
        return runs_on
    variables = Variables(os.environ)
    # Their user's password is in a file only: migrations run before there is a cloud. How long a change of a table takes nobody knows.
    settings = DatabaseSettings.of(variables)
    database = Database(settings, NoSecrets(), _CONNECTIONS, answer_seconds=None)
    # There may be no replica: a connection is only made when somebody asks for one.
    replica = Database(replace(settings, host=variables.text("DB_REPLICA_HOST", settings.host)), NoSecrets(), 1)
    try:
        if options.action == "status":
            return Schema(database.engine).state().as_dict() | {"runs_on": runs_on}
        if options.action == "plan":
            return {"sql": Schema(database.engine).sql(options.branch)}
        followed = replica.engine if "DB_REPLICA_HOST" in os.environ else None
        schema = Schema(database.engine, options.patience, options.watch, followed)
        move = schema.backfill() if options.action == "backfill" else schema.upgrade(options.action)
        return move.as_dict() | {"state": schema.state().as_dict()}
    finally:
        replica.close()
        database.close()


if __name__ == "__main__":
    sys.exit(main())
