"""`python -m api_gateway.unlock ADDRESS` lets somebody log in again whose e-mail address was locked after too many failures."""

from __future__ import annotations

import argparse
import json
import os
import sys

from sqlalchemy.exc import SQLAlchemyError

from api_gateway.lockout import Lockout
from orders.cloud import SecretsManager
from orders.database import Database, DatabaseAway
from orders.settings import CloudSettings, DatabaseSettings, SettingsError, Variables


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m api_gateway.unlock")
    parser.add_argument("address", metavar="ADDRESS", help="the e-mail address that is locked")
    address: str = parser.parse_args().address
    try:
        variables = Variables(os.environ)
        database = Database(DatabaseSettings.of(variables), SecretsManager(CloudSettings.of(variables)), connections=1)
        unlocked = Lockout(database, after=1, seconds=0).unlock(address)
    except (SettingsError, DatabaseAway, SQLAlchemyError, OSError) as error:
        print(f"unlock: {error}", file=sys.stderr)
        return 1
    print(json.dumps({"unlocked": unlocked}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
