"""What an address is called where addresses are counted: clients make up addresses, so there must be few such names."""

from __future__ import annotations

import re
from collections.abc import Iterable

_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
_OWN = ("/login", "/logout", "/preview", "/edge")
_ANY_OTHER = "/*"


class EdgeRoutes:
    """The application's routes, and where the edge and the desk answer."""

    def __init__(self, tools: Iterable[str], routes: Iterable[str]) -> None:
        known = {*_OWN, *(f"/{tool}" for tool in tools), *routes} - {"/"}
        # The longest first, since the first that fits is taken.
        prefixes = "|".join(re.escape(route) for route in sorted(known, key=len, reverse=True))
        self._known = re.compile(f"({prefixes})(?=/|$)")

    def route(self, path: str) -> str:
        found = self._known.match(path)
        return found[1] if found else "/" if path == "/" else _ANY_OTHER


def known_method(method: str) -> str:
    """OpenTelemetry's word for a method that nobody knows is _OTHER."""
    return method if method in _METHODS else "_OTHER"
