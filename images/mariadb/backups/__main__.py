"""Called by the collection in containers of this image: each verb prints one line of JSON, or says on stderr in one line what is wrong."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Callable
from typing import Any

import pymysql

from backups import archiver, repository, restoring, tables, taking
from backups.trouble import Trouble


def _ask_archiver(question: str) -> dict[str, Any]:
    with socket.socket(socket.AF_UNIX) as door:
        door.connect(str(archiver.SOCKET))
        door.sendall(question.encode() + b"\n")
        with door.makefile("r", encoding="utf-8") as answer:
            told: dict[str, Any] = json.loads(answer.readline())
    if told.get("trouble"):
        raise Trouble(told["trouble"])
    return told


_VERBS: dict[str, Callable[[str], Any]] = {
    "add-password": repository.add_password,
    "archiver": lambda _: archiver.serve(float(os.environ["ARCHIVE_SECONDS"])),
    "ask": _ask_archiver,
    "check": lambda _: repository.problems(),
    "contents": tables.contents,
    "list": lambda _: repository.snapshots(),
    "make": lambda _: repository.make(),
    "mark": tables.mark,
    "remove-other-passwords": lambda _: repository.remove_other_passwords(),
    "server-id": lambda _: tables.server_id(),
    "read": repository.damage,
    "restore": lambda order: restoring.restore(json.loads(order)),
    "take": lambda order: taking.take(json.loads(order)),
}


def main() -> int:
    verb, argument = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else ""
    try:
        answer = _VERBS[verb](argument)
    except (Trouble, pymysql.Error, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main())
