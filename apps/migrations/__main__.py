"""`python -m migrations expand|contract|status` prints one line of JSON: where the schema was and where it is."""

from __future__ import annotations

import argparse
import json
import os
import sys

from sqlalchemy.exc import SQLAlchemyError

from migrations.schema import BRANCHES, Move, Schema, SchemaBusy
from orders.credentials import NoSecrets
from orders.database import Database
from orders.settings import DatabaseSettings, SettingsError, Variables


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m migrations")
    parser.add_argument("action", choices=(*BRANCHES, "status"))
    action = parser.parse_args().action
    try:
        move = _run(action)
    except (SettingsError, SchemaBusy, OSError) as error:
        print(f"migrations {action}: {error}", file=sys.stderr)
        return 1
    except SQLAlchemyError as error:
        print(f"migrations {action}: {getattr(error, 'orig', None) or error}", file=sys.stderr)
        return 1
    print(json.dumps(move.as_dict()))
    return 0


def _run(action: str) -> Move:
    variables = Variables(os.environ)
    # Their user's password is in a file only: migrations run before there is a cloud.
    database = Database(DatabaseSettings.of(variables), NoSecrets(), connections=2)
    try:
        schema = Schema(database.engine)
        if action == "status":
            heads = schema.heads()
            return Move(heads, heads)
        return schema.upgrade(action)
    finally:
        database.close()


if __name__ == "__main__":
    sys.exit(main())
