"""The module arguments that say where traffic is to go, and what follows from them; the twin of doc_fragments/traffic.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.colours.claim import ColourClaims
from ansible_collections.echobase.platform.plugins.module_utils.colours.fitness import PURPOSES, ColourFitness
from ansible_collections.echobase.platform.plugins.module_utils.colours.in_flight import Drain
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment
from ansible_collections.echobase.platform.plugins.module_utils.traffic.switch import ColourQuestions, Order
from ansible_collections.echobase.platform.plugins.module_utils.traffic.weights import EMPTY, Weights

TRAFFIC_ARGUMENTS: dict[str, dict[str, Any]] = {
    "to": {"type": "str"},
    "weights": {"type": "dict"},
    "empty": {"type": "bool"},
    "maintenance": {"type": "bool"},
    "purpose": {"type": "str", "choices": list(PURPOSES), "default": "promote"},
    "drain_seconds": {"type": "float", "default": 10},
    "break_glass": {"type": "str", "default": ""},
    "fencing_number": {"type": "int"},
    "repair": {"type": "bool", "default": False},
    "health_timeout": {"type": "float", "default": 5},
    "endpoints": {"type": "dict", "default": {}},
}
ONE_TARGET = ("to", "weights", "empty")


def order_of(params: Mapping[str, Any]) -> Order:
    number = params["lease"] or None if params["fencing_number"] is None else params["fencing_number"]
    return Order(_wanted_weights(params), params["maintenance"], params["break_glass"], number, params["repair"])


def colours_of(params: Mapping[str, Any], env: Environment, lease: int | None) -> ColourQuestions:
    """`lease` is the fencing number of the run that asks: its own claims do not speak against a colour."""
    fitness = ColourFitness(env, params["purpose"], params["health_timeout"], params["endpoints"])
    drain = Drain(fitness.in_flight, params["drain_seconds"])
    claims = ColourClaims(env)
    return ColourQuestions(fitness.findings, drain.await_silence, lambda colour: claims.findings(colour, lease))


def _wanted_weights(params: Mapping[str, Any]) -> Weights | None:
    if params["to"] is not None:
        return Weights.all_to(params["to"])
    if params["empty"]:
        return EMPTY
    return None if params["weights"] is None else Weights.parse(params["weights"])
