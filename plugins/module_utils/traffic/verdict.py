"""Whether whoever gets more traffic than before can take it."""

from __future__ import annotations

from collections.abc import Callable

from ansible_collections.echobase.platform.plugins.module_utils.base.errors import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.environment.layout import COLOURS
from ansible_collections.echobase.platform.plugins.module_utils.traffic.generation import Generation

# What speaks against a colour getting traffic; nothing speaks for it but silence.
Findings = Callable[[str], list[str]]


def judge(findings: Findings, before: Generation, after: Generation, break_glass: str) -> list[str]:
    """What spoke against it and was overridden; a Refusal when nothing overrides it."""
    found = {colour: findings(colour) for colour in _gaining(before, after)}
    spoken = [finding for colour in found.values() for finding in colour]
    if spoken and not break_glass:
        colour = next(name for name, finding in found.items() if finding)
        raise Refusal(
            f"{colour} cannot take traffic: {'; '.join(found[colour])}",
            "traffic was not moved; mend or deploy that colour, or give break_glass a reason to switch all the same",
        )
    return spoken


def _gaining(before: Generation, after: Generation) -> list[str]:
    """Promised traffic counts as well: what maintenance will return to is asked twice, now and then."""
    gaining = {*after.weights.gaining(before.weights), *after.served.gaining(before.served)}
    return [colour for colour in COLOURS if colour in gaining]
