from __future__ import annotations

import pytest

from api_gateway.idempotency import RequestPrint

BODY = {"item": "tea", "quantity": 1, "note": None}


def test_the_same_request_has_the_same_print() -> None:
    first = RequestPrint.of("key", BODY)
    again = RequestPrint.of("key", dict(reversed(BODY.items())))
    assert first == again
    assert first.same_body(again.body_mac)


@pytest.mark.parametrize("change", [{"quantity": 2}, {"item": "Tea"}, {"note": ""}])
def test_any_other_body_is_told_apart(change: dict[str, object]) -> None:
    assert not RequestPrint.of("key", BODY).same_body(RequestPrint.of("key", BODY | change).body_mac)


def test_without_the_key_two_bodies_cannot_be_compared() -> None:
    assert RequestPrint.of("key", BODY).body_mac != RequestPrint.of("other", BODY).body_mac


def test_what_is_kept_has_one_length_and_shows_nothing() -> None:
    kept = RequestPrint.of("k" * 200, BODY | {"note": "secret"})
    assert (len(kept.key_hash), len(kept.body_mac)) == (64, 64)
    assert "secret" not in kept.key_hash + kept.body_mac
