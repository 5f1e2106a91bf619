"""The published contract is asked of a real gateway, whatever it allows and does not: each answer is as it says, and none is our error."""

from __future__ import annotations

import pytest
import schemathesis

from harness.backend_fixtures import Backend, ColourUnderTest, backend, blue, empty_backend
from harness.contract import broken_promises

pytestmark = [pytest.mark.engines("mariadb"), pytest.mark.long]

__all__ = ["backend", "blue", "empty_backend"]


def test_answers_are_as_the_contract_says(backend: Backend, blue: ColourUnderTest) -> None:
    anna = blue.customer()
    schema = schemathesis.openapi.from_dict(anna.client.get("/openapi.json").json())
    schema.config.update(base_url=blue.url)
    verify = backend.env.path("tls", "ca.crt")
    assert broken_promises(schema, "/api/", 25, anna.headers, verify=verify, timeout=20) == []
