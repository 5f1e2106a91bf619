from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.echobase.platform.plugins.doc_fragments.traffic import ModuleDocFragment
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.colours.claim import REPLACED, Claim, ColourClaims
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import environment
from ansible_collections.echobase.platform.plugins.module_utils.module.traffic_arguments import TRAFFIC_ARGUMENTS, colours_of, order_of
from ansible_collections.echobase.platform.plugins.module_utils.traffic.switch import Order
from ansible_collections.echobase.platform.plugins.module_utils.traffic.weights import EMPTY, Weights


def params(**given: Any) -> dict[str, Any]:
    return {name: argument.get("default") for name, argument in TRAFFIC_ARGUMENTS.items()} | {"lease": None} | given


def test_they_are_documented_as_they_are() -> None:
    documented = yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"]
    assert {name: {key: value for key, value in option.items() if key != "description"} for name, option in documented.items()} == (
        TRAFFIC_ARGUMENTS
    )


@pytest.mark.parametrize(
    ("given", "order"),
    [
        ({}, Order()),
        (
            {"to": "green", "break_glass": "blue loses orders", "repair": True},
            Order(Weights(0, 100), None, "blue loses orders", None, True),
        ),
        ({"weights": {"blue": "80", "green": 20}, "maintenance": False}, Order(Weights(80, 20), False)),
        ({"empty": True, "maintenance": True}, Order(EMPTY, True)),
        ({"lease": 7}, Order(fencing_number=7)),
        ({"lease": 0}, Order()),
        ({"lease": 7, "fencing_number": 0}, Order(fencing_number=0)),
    ],
)
def test_an_order_is_what_was_given(given: dict[str, Any], order: Order) -> None:
    assert order_of(params(**given)) == order


def test_a_colour_that_a_run_claimed_may_get_its_traffic_but_nobody_elses(tmp_path: Path) -> None:
    env = environment("test", str(tmp_path))
    ColourClaims(env).make(Claim("green", REPLACED, "1.1.0", 7, "2026-11-28T01:02:03+00:00", "kim"))
    assert colours_of(params(), env, lease=7).claims("green") == []
    assert "being replaced by 1.1.0" in colours_of(params(), env, lease=8).claims("green")[0]


def test_endpoints_belong_to_a_colour(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="unknown colour 'purple'"):
        colours_of(params(endpoints={"purple": {}}), environment("test", str(tmp_path)), lease=None)
