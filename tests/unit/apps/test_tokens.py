from __future__ import annotations

import os

import jwt
import pytest

from api_gateway.tokens import BadToken, Tokens
from orders.credentials import SigningKeys, key_id

OLD, NEW = os.urandom(32), os.urandom(32)


def keys(current: bytes, *others: bytes) -> SigningKeys:
    return SigningKeys(key_id(current), {key_id(key): key for key in (current, *others)})


def test_a_token_of_one_colour_is_good_in_the_other() -> None:
    token = Tokens(lambda: keys(OLD), 60).issue("anna")
    assert Tokens(lambda: keys(OLD), 60).user_id(token.text) == "anna"


def test_while_keys_rotate_both_are_good() -> None:
    rotated = Tokens(lambda: keys(NEW, OLD), 60)
    assert rotated.user_id(Tokens(lambda: keys(OLD), 60).issue("anna").text) == "anna"
    assert jwt.get_unverified_header(rotated.issue("anna").text)["kid"] == key_id(NEW)


def test_bad_tokens() -> None:
    tokens = Tokens(lambda: keys(OLD), 60)
    good = tokens.issue("anna").text
    header, claims, signature = good.split(".")
    expired = Tokens(lambda: keys(OLD), -1).issue("anna").text
    foreign = Tokens(lambda: keys(NEW), 60).issue("anna").text
    unsigned = jwt.encode({"sub": "anna", "exp": 9999999999}, "", algorithm="none", headers={"kid": key_id(OLD)})
    endless = jwt.encode({"sub": "anna"}, OLD, algorithm="HS256", headers={"kid": key_id(OLD)})
    for text in ("", "nonsense", f"{header}.{claims}.", f"{header}.{claims}.{signature[::-1]}", expired, foreign, unsigned, endless):
        with pytest.raises(BadToken):
            tokens.user_id(text)
