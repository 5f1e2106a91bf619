"""Proves a release as a guest would: what was written can be read. The platform says where to ask, and with which cookie."""

import json
import os
import secrets
import ssl
import sys
from typing import Any
from urllib.request import Request, urlopen

URL = os.environ["ECHOBASE_URL"]
TRUST = ssl.create_default_context(cafile=os.environ["ECHOBASE_CA_FILE"])


def ask(path: str, content: dict[str, str] | None = None) -> dict[str, Any]:
    request = Request(f"{URL}{path}", headers={"Cookie": os.environ.get("ECHOBASE_COOKIE", ""), "Content-Type": "application/json"})
    request.data = json.dumps(content).encode() if content else None
    with urlopen(request, timeout=10, context=TRUST) as answer:
        return json.load(answer)


if os.environ.get("ECHOBASE_SMOKE_DEPTH") == "write":
    text = f"smoke test {secrets.token_hex(8)}"
    ask("/api/entries", {"name": "smoke test", "text": text})
    if text not in {entry["text"] for entry in ask("/api/entries")["entries"]}:
        sys.exit("what was just written cannot be read")
    print("an entry was written and read")
else:
    ask("/api/entries")
    print("the entries were read")
