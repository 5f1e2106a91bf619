"""The published contract, with what every call may be answered beside what it is for: problems (RFC 9457), and which ones where."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from fastapi import FastAPI

PROBLEM_TYPE = "application/problem+json"

_PROBLEM = {
    "title": "Problem",
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "In words for the caller."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "detail"],
                "properties": {
                    "pointer": {"type": "string", "description": "Where in the body (RFC 6901), or the name of the header."},
                    "detail": {"type": "string"},
                },
            },
        },
    },
}
_OF_THE_API = {
    "429": "Too many requests. `Retry-After` says when to try again.",
    "500": "Something went wrong on our side.",
    "503": "Something that this needs is away. Nothing was stored; `Retry-After` says when to try again.",
}
_OF_BODIES = {"400": "The body cannot be read.", "413": "The body is too large.", "422": "The request is not valid; `errors` says where."}
_OF_TOKENS = {"401": "There is no token, or it does not count any more."}
# FastAPI's own words for 422, which it does not answer here.
_NOT_OURS = ("HTTPValidationError", "ValidationError")


def publish(api: FastAPI) -> None:
    """From now on `api` tells the whole contract."""
    plain: Callable[[], dict[str, Any]] = api.openapi
    api.openapi = lambda: api.openapi_schema or _completed(plain())  # type: ignore[method-assign]


def _completed(contract: dict[str, Any]) -> dict[str, Any]:
    for path, operation in _operations(contract):
        responses = operation["responses"]
        if path.startswith("/api/"):
            for status, words in _possible(operation).items():
                responses.setdefault(status, {"description": words})
        for status, response in responses.items():
            if status >= "400":
                response["content"] = {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
        if "health" in operation.get("tags", ()):
            responses.setdefault("503", {"description": "It is not so.", "content": {"application/json": {"schema": {"type": "object"}}}})
    schemas = contract["components"]["schemas"]
    for name in _NOT_OURS:
        schemas.pop(name, None)
    schemas["Problem"] = _PROBLEM
    return contract


def _possible(operation: dict[str, Any]) -> dict[str, str]:
    return {
        **_OF_THE_API,
        **(_OF_BODIES if "requestBody" in operation else {}),
        **(_OF_TOKENS if "security" in operation else {}),
    }


def _operations(contract: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in contract["paths"].items():
        for operation in item.values():
            yield path, operation
