"""What an inventory may say of a database that somebody else runs, and what does not go together with it.

It looks at the words alone and asks no server, so it can be asked before anything else is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.base.byte_size import byte_size
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.environment.database_places import ENGINES
from ansible_collections.echobase.platform.plugins.module_utils.environment.external_database import VARIABLE

OWN, EXTERNAL = "own", "external"
# The application's, and that of whoever changes the schema.
ACCOUNTS = ("app", "migrate")
_NAME = re.compile(r"(?!-)[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_$-]{0,62}")
_LAST_PORT = 65535
# Variables that say how a server of our own is, and what it would be without them.
OF_OUR_OWN: dict[str, tuple[str, tuple[object, ...]]] = {
    "durable_db_replica": ("no replica follows a server that is not ours", ("", False, "false", "no", None)),
    "durable_db_backup_schedule": ("we take no backups of a server that is not ours", ("", None)),
    "durable_db_backup_target": ("we take no backups of a server that is not ours", ("", None)),
    "durable_db_version": ("its owner decides which version it has", ("", None)),
    "durable_db_settings": ("its owner decides which settings it has", ("", {}, None)),
}


def external_problems(database: str, external: Mapping[str, Any], engine: str, others: Mapping[str, Any]) -> list[Refusal]:
    """Everything that is wrong with `echobase_database`, `echobase_external_database` and `echobase_engine`, each as one line.

    `others` are further variables of the inventory by their names; those that say nothing may be left out.
    """
    if database == OWN:
        return []
    if database != EXTERNAL:
        return [Refusal(f"echobase_database is '{database}'", f"say {OWN} or {EXTERNAL}")]
    problems = [] if engine in ENGINES else [Refusal(f"unknown database engine '{engine}'", f"choose one of {', '.join(ENGINES)}")]
    problems += _problems_of_place(external)
    problems += _problems_of_accounts(external)
    for name, (reason, nothing) in OF_OUR_OWN.items():
        if others.get(name) not in nothing:
            problems.append(Refusal(f"{name} is set, and echobase_database is {EXTERNAL}: {reason}", "leave it out of the inventory"))
    return problems


def refuse_problems(problems: list[Refusal]) -> None:
    """All of them in one line, since whoever corrects one wants to know the others, too."""
    if len(problems) == 1:
        raise problems[0]
    if problems:
        raise Refusal("; ".join(str(problem) for problem in problems), "correct them all in the inventory")


def _problems_of_place(external: Mapping[str, Any]) -> list[Refusal]:
    host, port, address = (str(external.get(name) or "") for name in ("host", "port", "address"))
    problems = []
    if not host:
        problems.append(Refusal(f"{VARIABLE}.host is missing", "give the name by which the server is known in its certificate"))
    elif _is_address(host):
        problems.append(
            Refusal(f"{VARIABLE}.host is {host}, an address", f"give the name in its certificate, and the address as {VARIABLE}.address")
        )
    elif not _NAME.fullmatch(host):
        problems.append(Refusal(f"{VARIABLE}.host '{host}' is no name of a host", "give the name in the server's certificate"))
    elif host == "localhost":
        problems.append(Refusal(f"{VARIABLE}.host is localhost, which is another machine in every container", "give the server's own name"))
    if address and not _is_address(address):
        problems.append(
            Refusal(f"{VARIABLE}.address '{address}' is no address", "give an IP address, or leave it out: then the name is looked up")
        )
    elif address and ip_address(address).is_loopback:
        problems.append(
            Refusal(f"{VARIABLE}.address is {address}, which no container reaches", "give an address of the server that others reach")
        )
    if port and not (port.isdecimal() and 0 < int(port) <= _LAST_PORT):
        problems.append(
            Refusal(f"{VARIABLE}.port '{port}' is no port", f"give a number up to {_LAST_PORT}, or leave it out for the engine's")
        )
    if not external.get("ca") and not external.get("ca_file"):
        problems.append(
            Refusal(
                f"{VARIABLE} names no authority, so nobody could tell the server from another one",
                f"give its certificate as {VARIABLE}.ca_file, a file on the controller, or as text in {VARIABLE}.ca",
            )
        )
    size = external.get("rehearsal_max_size")
    if size is not None:
        try:
            byte_size(str(size), f"{VARIABLE}.rehearsal_max_size")
        except Refusal as refusal:
            problems.append(refusal)
    return problems


def _problems_of_accounts(external: Mapping[str, Any]) -> list[Refusal]:
    problems = []
    name = str(external.get("name") or "")
    if not _WORD.fullmatch(name):
        problems.append(Refusal(f"{VARIABLE}.name is '{name}'", "give the name of the database on that server"))
    users = external.get("users") or {}
    names = {}
    for account in ACCOUNTS:
        user = users.get(account) or {}
        names[account] = str(user.get("name") or "")
        if not _WORD.fullmatch(names[account]):
            problems.append(
                Refusal(f"{VARIABLE}.users.{account}.name is '{names[account]}'", "give the name of that account on the server")
            )
        if not user.get("password") and not user.get("password_file"):
            problems.append(
                Refusal(
                    f"{VARIABLE}.users.{account} has no password",
                    "give password_file, a file on the controller that only you can read, or password from your vault",
                )
            )
    if names["app"] and names["app"] == names["migrate"]:
        problems.append(
            Refusal(
                f"{VARIABLE}.users has one account, {names['app']}, for the application and for the migrations",
                "have another one made that may change tables, so that the application itself may not",
            )
        )
    return problems


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
