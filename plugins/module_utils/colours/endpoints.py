"""Where a colour's services listen that customers reach, and what each can be asked there: its definition says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import SplitResult, urlsplit

from ansible_collections.echobase.platform.plugins.module_utils.application.definition import Definition
from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Colour

_DEFAULT_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True)
class Endpoint:
    """A path is empty where the definition names none."""

    service: str
    host: str
    port: int
    is_plain: bool
    ready: str = ""
    live: str = ""
    in_flight: str = ""


def endpoints_of(colour: Colour, definition: Definition | None, given: Mapping[str, str] | None = None) -> tuple[Endpoint, ...]:
    """`given` are addresses by service, for a colour that is somewhere else.

    Where this machine does not know what the colour was made from, these are all that is known of it.
    """
    addresses = {service: _address(colour, service, url) for service, url in (given or {}).items()}
    if definition is None:
        return tuple(_endpoint_at(service, url) for service, url in addresses.items())
    found = {endpoint.service: endpoint for endpoint in _defined(colour, definition)}
    for service, url in addresses.items():
        if service not in found:
            raise Refusal(f"unknown service '{service}' in the endpoints of {colour.name}", f"name {' or '.join(found)}")
        place = _endpoint_at(service, url)
        found[service] = replace(found[service], host=place.host, port=place.port, is_plain=place.is_plain)
    return tuple(found.values())


def unknown_origin(colour: str) -> str:
    """The finding about a colour whose definition nobody kept."""
    return f"{colour} was deployed before it was recorded what a colour is made from: deploy it again with {playbook('deploy')}"


def _defined(colour: Colour, definition: Definition) -> list[Endpoint]:
    settings = definition.settings
    return [
        Endpoint(
            service,
            colour.edge_addresses[place],
            route.port,
            not route.tls,
            *(paths.get(service, "") for paths in (settings.ready, settings.live, settings.in_flight)),
        )
        for place, service in enumerate(settings.routed)
        for route in [settings.route_of(service)]
    ]


def _address(colour: Colour, service: str, url: str) -> SplitResult:
    parts = urlsplit(str(url))
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise Refusal(f"'{url}' in the endpoints of {colour.name} is no address of {service}", "write for instance https://10.0.0.5:8443")
    return parts


def _endpoint_at(service: str, url: SplitResult) -> Endpoint:
    port = url.port or _DEFAULT_PORTS[url.scheme]
    return Endpoint(service, str(url.hostname), port, url.scheme == "http", ready=url.path, live=url.path)
