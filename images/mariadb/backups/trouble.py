"""The one kind of error that leaves this program as a line for a user."""

from __future__ import annotations

import json


class Trouble(Exception):
    pass


def last_words(output: str) -> str:
    """What a program said last, whether it writes plain lines or one JSON object a line, as restic does when asked for JSON."""
    lines = [line for line in output.splitlines() if line.strip()]
    # A tool that is shut down writes one more line after its error.
    telling = [line for line in lines if "rror" in line or "Fatal" in line] or lines
    if not telling:
        return "it gave no reason"
    try:
        told = json.loads(telling[-1])
    except ValueError:
        return telling[-1].strip()
    return str(told.get("message") or told.get("error") or telling[-1])
