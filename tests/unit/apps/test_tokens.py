from __future__ import annotations

import os
import time
from collections.abc import Callable

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


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_key_before_is_refused_when_it_is_time() -> None:
    token = Tokens(lambda: keys(OLD), 3600).issue("anna").text
    known = keys(NEW, OLD)
    for until, counts in ((time.time() + 100, True), (time.time() - 1, False)):
        tokens = Tokens(lambda until=until: SigningKeys(known.current, known.keys, {key_id(OLD): until}), 60)  # type: ignore[misc]
        assert (key_id(OLD) in tokens.keys.accepted(time.time())) == counts
        if counts:
            assert tokens.user_id(token) == "anna"
            continue
        with pytest.raises(BadToken):
            tokens.user_id(token)


def test_keys_are_read_again_by_and_by_and_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api_gateway.tokens._SECONDS_BETWEEN_LOOKS", 0.0)
    known = [keys(OLD)]
    tokens = Tokens(lambda: known[-1], 60)
    old = tokens.issue("anna").text
    known.append(keys(NEW, OLD))
    eventually(lambda: tokens.keys.current == key_id(NEW))
    assert tokens.user_id(old) == "anna"
    known.append(keys(NEW))
    eventually(lambda: key_id(OLD) not in tokens.keys.keys)
    with pytest.raises(BadToken):
        tokens.user_id(old)


def test_keys_that_cannot_be_read_again_stay_as_good_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api_gateway.tokens._SECONDS_BETWEEN_LOOKS", 0.0)
    looks: list[int] = []

    def load() -> SigningKeys:
        looks.append(1)
        if len(looks) > 1:
            raise FileNotFoundError("token_key")
        return keys(OLD)

    tokens = Tokens(load, 60)
    eventually(lambda: tokens.user_id(tokens.issue("anna").text) == "anna" and len(looks) > 3)


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
