"""What the edge has to know of an application: upstreams, and who answers below which path, for the definition of each colour.

During a canary the colours may have different routes. Each client sees one set of them, its own colour's: whatever can be decided when the
colour is known is decided by it. Only what nginx has to know before - the largest body, the longest wait, whether an answer is compressed,
how an error is told - is the same for both: the more careful of the two, or where that would turn somebody away, the greater.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.application.definition import Definition
from ansible_collections.echobase.platform.plugins.module_utils.application.settings import PREFIX, Route, Settings, is_reserved
from ansible_collections.echobase.platform.plugins.module_utils.base.byte_size import byte_size
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment

# Of role edge, where a route says nothing: `edge_max_body`, and `proxy_read_timeout`.
USUAL_BODY = "1m"
USUAL_SECONDS = 60


def edge_routes(env: Environment, definitions: Mapping[str, Definition | None]) -> dict[str, Any]:
    """Plain data for role edge (`edge_routes`). A colour without a definition has no routes."""
    settings = {name: found.settings for name, found in definitions.items() if found is not None}
    return routes_at({name: colour.edge_addresses for name, colour in env.colours.items()}, settings)


def routes_at(addresses: Mapping[str, Sequence[str]], settings: Mapping[str, Settings]) -> dict[str, Any]:
    """`addresses`: of each colour's services, in the order of its routes."""
    data = _Routes([_ColoursRoutes(colour, addresses[colour], settings.get(colour)) for colour in addresses]).data()
    return {**data, "digest": hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()}


def edge_knows(env: Environment, routes: Mapping[str, Any]) -> bool:
    """Whether the edge's configuration was made from just these routes: their digest stands in it."""
    try:
        return routes["digest"] in Path(env.path("edge", "nginx.conf")).read_text(encoding="utf-8")
    except FileNotFoundError:
        return False


@dataclass(frozen=True)
class _ColoursRoutes:
    colour: str
    addresses: Sequence[str]
    settings: Settings | None

    @property
    def routes(self) -> tuple[Route, ...]:
        return self.settings.routes if self.settings else ()

    def upstreams(self) -> Iterable[dict[str, Any]]:
        """One for each service, port and way to speak: connections of one are kept for the next request to the same."""
        if self.settings is None:
            return
        for name in dict.fromkeys(map(self._upstream, self.routes)):
            routes = [route for route in self.routes if self._upstream(route) == name]
            address = self.addresses[self.settings.routed.index(routes[0].service)]
            idle = max(1, min(route.idle for route in routes) // 2)
            yield {"name": name, "colour": self.colour, "address": f"{address}:{routes[0].port}", "idle": idle}

    def route_for(self, path: str) -> Route | None:
        """Whose prefix is the longest."""
        fitting = [route for route in self.routes if _is_below(path, route.prefix)]
        return max(fitting, key=lambda route: len(route.prefix), default=None)

    def target(self, path: str, is_operator: bool) -> str:
        """Empty: this colour has nothing there, or nothing for customers."""
        route = self.route_for(path)
        if route is None or (route.operators and not is_operator):
            return ""
        return f"{'https' if route.tls else 'http'}://{self._upstream(route)}"

    def hidden(self) -> Iterable[str]:
        """Where a service says how busy it is: that is for those who wait for it, and they ask it directly."""
        for service, path in self.settings.in_flight.items() if self.settings else ():
            alone = path.partition("?")[0]
            route = self.route_for(alone)
            if alone != "/" and PREFIX.fullmatch(alone) and not is_reserved(alone) and route and route.service == service:
                yield alone

    def _upstream(self, route: Route) -> str:
        return f"{self.colour}_{route.service}_{route.port}{'_tls' if route.tls else ''}"


class _Routes:
    def __init__(self, colours: Sequence[_ColoursRoutes]) -> None:
        self._colours = colours
        # The suffix of the locations for each largest body and longest wait. There is always one for what says neither.
        self._lanes: dict[tuple[str, int], str] = {("", 0): ""}
        self._hidden = sorted({path for colour in colours for path in colour.hidden()})

    def data(self) -> dict[str, Any]:
        prefixes = {route.prefix for colour in self._colours for route in colour.routes}
        # Longest first: nginx's regular expressions are tried in this order.
        ordered = sorted(prefixes, key=lambda prefix: (-len(prefix), prefix))
        routes = [self._route(number, prefix) for number, prefix in enumerate(ordered)]
        upstreams = [upstream for colour in self._colours for upstream in colour.upstreams()]
        return {
            "upstreams": upstreams,
            "addresses": {
                colour.colour: list(dict.fromkeys(upstream["address"] for upstream in upstreams if upstream["colour"] == colour.colour))
                for colour in self._colours
            },
            "routes": routes,
            "lanes": [{"suffix": suffix, "body": body, "seconds": seconds} for (body, seconds), suffix in self._lanes.items()],
            "hidden": self._hidden,
            "repeatable": self._repeatable(),
        }

    def _route(self, number: int, prefix: str) -> dict[str, Any]:
        found = [route for colour in self._colours if (route := colour.route_for(prefix))]
        body, seconds = _largest_body(found), _longest_wait(found)
        customers = {colour.colour: colour.target(prefix, is_operator=False) for colour in self._colours}
        return {
            # nginx's maps make no difference between /a and /A; so they are asked about numbers.
            "number": number,
            "prefix": prefix,
            "locations": self._locations(prefix),
            "body": body,
            "seconds": seconds,
            "lane": self._lanes.setdefault((body, seconds), f"_{len(self._lanes)}"),
            "shared": any(route.shared for route in found),
            "secret": any(route.secret for route in found),
            "names_colour": all(route.names_colour for route in found),
            "pages": any(route.pages for route in found),
            "customers": customers,
            # Then one may answer what the other fails.
            "of_both": all(customers.values()),
            "operators": {colour.colour: colour.target(prefix, is_operator=True) for colour in self._colours},
        }

    def _locations(self, prefix: str) -> list[str]:
        """The path alone, and whatever is below it. Without the first one nginx would redirect /path to /path/ by itself."""
        if prefix == "/":
            return ["/"]
        return [*([] if prefix in self._hidden else [f"= {prefix}"]), f"^~ {prefix}/"]

    def _repeatable(self) -> str:
        """What one colour failed is asked of the other: both have to know the request by the same header."""
        headers = {colour.settings.repeatable for colour in self._colours if colour.settings}
        return headers.pop() if len(headers) == 1 else ""


def _is_below(path: str, prefix: str) -> bool:
    return prefix in ("/", path) or path.startswith(f"{prefix}/")


def _largest_body(routes: Iterable[Route]) -> str:
    return max((route.body for route in routes), key=lambda body: byte_size(body or USUAL_BODY, "body"))


def _longest_wait(routes: Iterable[Route]) -> int:
    return max((route.seconds for route in routes), key=lambda seconds: seconds or USUAL_SECONDS)
