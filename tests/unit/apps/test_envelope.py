from __future__ import annotations

import os

import pytest

from orders.envelope import DataKey, Envelope, Unreadable

KEY = DataKey(os.urandom(32), b"wrapped")


def sealed(text: str = "ring twice", order_id: str = "order-1") -> bytes:
    return Envelope.seal(text, order_id, KEY).to_bytes()


@pytest.mark.parametrize("text", ["", "ring twice", "ça va? 🍵", "x" * 2000])
def test_what_was_sealed_opens(text: str) -> None:
    envelope = Envelope.from_bytes(sealed(text))
    assert envelope.wrapped_key == b"wrapped"
    assert envelope.open("order-1", KEY.plaintext) == text


def test_the_same_text_never_looks_the_same() -> None:
    assert sealed() != sealed()


def test_an_envelope_opens_for_its_own_order_only() -> None:
    with pytest.raises(Unreadable, match="order-2"):
        Envelope.from_bytes(sealed()).open("order-2", KEY.plaintext)


def test_another_key_does_not_open_it() -> None:
    with pytest.raises(Unreadable):
        Envelope.from_bytes(sealed()).open("order-1", os.urandom(32))


@pytest.mark.parametrize("place", [-1, -20, 12])
def test_a_changed_byte_is_noticed(place: int) -> None:
    content = bytearray(sealed())
    content[place] ^= 1
    with pytest.raises(Unreadable):
        Envelope.from_bytes(bytes(content)).open("order-1", KEY.plaintext)


@pytest.mark.parametrize("content", [b"", b"\x01", b"\x02" + sealed()[1:], sealed()[:20], b"\x01\xff\xff" + b"x" * 40])
def test_what_is_no_envelope_is_refused(content: bytes) -> None:
    with pytest.raises(Unreadable):
        Envelope.from_bytes(content).open("order-1", KEY.plaintext)
