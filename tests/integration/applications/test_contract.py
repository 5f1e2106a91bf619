"""The published contract is asked whatever it allows, and what it does not: each answer is as it says."""

from __future__ import annotations

import json
from typing import Any

import hypothesis
import pytest
import schemathesis
from schemathesis.checks import not_a_server_error
from schemathesis.generation.modes import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from harness.backend_fixtures import Backend, ColourUnderTest, Customer, backend, blue, empty_backend

pytestmark = [pytest.mark.engines("mariadb"), pytest.mark.long]

__all__ = ["backend", "blue", "empty_backend"]

EXAMPLES = 25
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture(scope="module")
def anna(blue: ColourUnderTest) -> Customer:
    return blue.customer()


def test_answers_are_as_the_contract_says(backend: Backend, blue: ColourUnderTest, anna: Customer) -> None:
    contract: dict[str, Any] = anna.client.get("/openapi.json").json()
    schema = schemathesis.openapi.from_dict(contract)
    schema.config.update(base_url=blue.url)
    found: list[str] = []
    asked = 0
    for result in schema.get_all_operations():
        operation = result.ok()
        for mode in GenerationMode.POSITIVE, GenerationMode.NEGATIVE:

            @hypothesis.settings(
                max_examples=EXAMPLES, deadline=None, database=None, derandomize=True, suppress_health_check=list(hypothesis.HealthCheck)
            )
            @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
            def ask(case: Any) -> None:
                nonlocal asked
                asked += 1
                case.headers["Authorization"] = f"Bearer {anna.token}"
                response = case.call(verify=backend.env.path("tls", "ca.crt"), timeout=20)
                case.validate_response(response, checks=CHECKS)

            try:
                ask()
            except BaseException as error:  # one of an operation must not hide those of the others
                found.append(f"{operation.label} ({mode.value}): {error}")
    assert asked > EXAMPLES
    assert not found, "\n\n".join(found)
    assert json.dumps(contract)
