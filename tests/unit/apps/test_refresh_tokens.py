from __future__ import annotations

import base64
import uuid

import pytest

from api_gateway.sessions import RefreshToken, SessionOver


def test_a_token_is_read_as_it_was_written() -> None:
    token = RefreshToken.new(uuid.uuid4())
    assert RefreshToken.parse(token.text) == token
    assert token.text.isascii() and len(token.text) == 64
    assert token.secret not in token.secret_hash.encode()


def test_no_two_tokens_are_alike() -> None:
    session = uuid.uuid4()
    assert RefreshToken.new(session).secret != RefreshToken.new(session).secret


@pytest.mark.parametrize(
    "text", ["", "x", "\ud800", "é" * 64, "a" * 63, "a" * 65, "=" * 64, " " * 64, base64.urlsafe_b64encode(b"x" * 47).decode()]
)
def test_what_is_no_token_is_a_session_that_is_over(text: str) -> None:
    with pytest.raises(SessionOver):
        RefreshToken.parse(text)
