"""Asks a server whatever its published contract allows, and what it does not, and says which answers are not as the contract promises."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from typing import Any

import hypothesis
from schemathesis.checks import not_a_server_error
from schemathesis.generation.modes import GenerationMode
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


def broken_promises(schema: Any, below: str, examples: int, headers: Mapping[str, str], **how: Any) -> list[str]:
    """Of each operation below the path, with so many requests that are right and as many that are wrong. The same ones each time."""
    found = []
    asked = 0
    for result in schema.get_all_operations():
        operation = result.ok()
        if not operation.path.startswith(below):
            continue
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

            @hypothesis.settings(
                max_examples=examples, deadline=None, database=None, derandomize=True, suppress_health_check=list(hypothesis.HealthCheck)
            )
            @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
            def ask(case: Any) -> None:
                nonlocal asked
                asked += 1
                case.headers.update(headers)
                case.call_and_validate(checks=CHECKS, **how)

            try:
                ask()
            except (Exception, BaseExceptionGroup) as error:
                # One of an operation must not hide those of the others. Several at once come as a group, which names none of them.
                found.append(f"{operation.label} ({mode.value}): {''.join(traceback.format_exception(error))}")
    assert asked > examples
    return found
