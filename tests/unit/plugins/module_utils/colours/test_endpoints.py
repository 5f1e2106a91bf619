from __future__ import annotations

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.application.definition import Definition
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.colours.endpoints import Endpoint, endpoints_of
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import environment

GREEN = environment("test").colour("green")
DEFINITION = Definition.of(
    {
        "services": {"web": {"image": "web"}, "api": {"image": "api"}, "worker": {"image": "api"}},
        "x-echobase": {
            "routes": {"/": "web:8080", "/api": {"service": "api", "port": 8443, "tls": True}, "/docs": "api:8443"},
            "ready": {"api": "/ready"},
            "in_flight": {"web": "/status"},
        },
    }
)


def test_each_service_that_customers_reach_is_asked_where_the_edge_reaches_it() -> None:
    web, api = endpoints_of(GREEN, DEFINITION)
    assert web == Endpoint("web", GREEN.edge_addresses[0], 8080, is_plain=True, in_flight="/status")
    assert api == Endpoint("api", GREEN.edge_addresses[1], 8443, is_plain=False, ready="/ready")


def test_elsewhere_it_is_asked_the_same() -> None:
    web, api = endpoints_of(GREEN, DEFINITION, {"api": "https://10.0.0.5:9443"})
    assert (api.host, api.port, api.is_plain, api.ready) == ("10.0.0.5", 9443, False, "/ready")
    assert web.host == GREEN.edge_addresses[0]


def test_of_a_colour_of_which_nothing_else_is_known_the_path_in_the_address_is_asked() -> None:
    found = endpoints_of(GREEN, None, {"api": "https://10.0.0.5/ready", "web": "http://10.0.0.6:8080"})
    assert found == (
        Endpoint("api", "10.0.0.5", 443, is_plain=False, ready="/ready", live="/ready"),
        Endpoint("web", "10.0.0.6", 8080, is_plain=True),
    )


@pytest.mark.parametrize(
    ("given", "cause"),
    [
        ({"worker": "https://10.0.0.5"}, "unknown service 'worker' in the endpoints of green - name web or api"),
        ({"api": "10.0.0.5:8443"}, "'10.0.0.5:8443' in the endpoints of green is no address of api"),
    ],
)
def test_what_makes_no_sense_is_refused(given: dict[str, str], cause: str) -> None:
    with pytest.raises(Refusal) as refused:
        endpoints_of(GREEN, DEFINITION, given)
    assert str(refused.value).startswith(cause)
