from __future__ import annotations

import pytest

from orders.email_key import email_key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("anna@example.org", " Anna@EXAMPLE.org "),
        ("caf\u00e9@example.org", "cafe\u0301@example.org"),
        ("caf\u00e9@example.org", "CAFE\u0301@example.org"),
        ("anna@m\u00fcnchen.example", "anna@MU\u0308NCHEN.example"),
    ],
)
def test_one_address_however_it_is_written(one: str, other: str) -> None:
    assert email_key(one) == email_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("caf\u00e9@example.org", "cafe@example.org"),
        ("stra\u00dfe@example.org", "strasse@example.org"),
        # Full width, a ligature, Cyrillic: they only look alike.
        ("\uff41nna@example.org", "anna@example.org"),
        ("o\ufb03ce@example.org", "office@example.org"),
        ("\u0430nna@example.org", "anna@example.org"),
    ],
)
def test_two_addresses_that_an_engine_might_take_for_one(one: str, other: str) -> None:
    assert email_key(one) != email_key(other)


@pytest.mark.parametrize("address", ["\u0130@example.org", "\u1e9e@example.org", "\u0344\u0345@example.org", "A\u030a\u212b@example.org"])
def test_a_key_is_its_own_key(address: str) -> None:
    assert email_key(email_key(address)) == email_key(address)
