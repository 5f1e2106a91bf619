"""Preview tokens, made by the collection and checked by the desk, and the tokens in the desk's forms."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.colours.preview import preview_headers, preview_link, preview_token
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import environment
from operators_desk.form_tokens import SECONDS, FormTokens
from operators_desk.previews import Previews
from operators_desk.signatures import SigningKey

TEST = environment("test")
KEY = "c29tZSBrZXkgb3Igb3RoZXI="


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n")
    return SigningKey(file)


@pytest.fixture
def previews(key: SigningKey) -> Previews:
    return Previews("test", key)


@pytest.mark.parametrize("colour", ["blue", "green"])
def test_both_sides_make_and_accept_the_same_tokens(previews: Previews, key: SigningKey, colour: str) -> None:
    token = preview_token(TEST, colour, KEY, 300)
    assert previews.colour(token) == colour
    expiry = int(token.split(".")[1])
    assert Previews("test", key, clock=lambda: expiry - 300).token(colour, 300) == token


def test_a_token_is_good_for_its_time_and_no_longer(key: SigningKey) -> None:
    token = preview_token(TEST, "blue", KEY, 300)
    expiry = int(token.split(".")[1])
    assert abs(expiry - 300 - time.time()) < 5
    assert Previews("test", key, clock=lambda: expiry - 1).colour(token) == "blue"
    assert Previews("test", key, clock=lambda: expiry - 1).seconds_left(token) == 1
    assert Previews("test", key, clock=lambda: expiry).colour(token) == ""


def test_a_token_of_another_environment_or_key_opens_nothing(previews: Previews) -> None:
    assert previews.colour(preview_token(environment("ci"), "blue", KEY)) == ""
    assert previews.colour(preview_token(TEST, "blue", "another key")) == ""


def test_nothing_of_a_token_can_be_changed(previews: Previews) -> None:
    token = preview_token(TEST, "blue", KEY)
    colour, expiry, signature = token.split(".")
    changed = [
        f"green.{expiry}.{signature}",
        f"{colour}.{int(expiry) + 1}.{signature}",
        f"{colour}.{expiry}.{'A' + signature[1:] if signature[0] != 'A' else 'B' + signature[1:]}",
        f"{colour}.{expiry}.{signature[:-1]}",
        f"{colour}.{expiry}.{signature}=",
        f"{colour}.{expiry}.",
        f"{colour}.0{expiry}.{signature}",
        f"{colour}..{signature}",
        f" {token}",
        f"{token}\n",
        "blue",
        "blue.99999999999.",
        "",
        "é.1.x",
    ]
    assert [text for text in changed if previews.colour(text)] == []


def test_a_renewed_key_needs_no_restart(previews: Previews, tmp_path: Path) -> None:
    before = preview_token(TEST, "blue", KEY)
    (tmp_path / "key").write_text("renewed")
    assert previews.colour(before) == ""
    assert previews.colour(preview_token(TEST, "blue", "renewed")) == "blue"


def test_a_smoke_test_brings_its_token_as_a_cookie(previews: Previews) -> None:
    name, _, token = preview_headers(TEST, "green", KEY)["Cookie"].partition("=")
    assert (name, previews.colour(token)) == (TEST.preview_cookie, "green")


def test_a_link_holds_a_token(previews: Previews) -> None:
    link = preview_link(TEST, "green", KEY, 30, "shop.example.com")
    address, _, token = link.partition("?token=")
    assert (address, previews.colour(token)) == ("https://shop.example.com:1643/preview/open", "green")
    assert 1790 <= previews.seconds_left(token) <= 1800


@pytest.mark.parametrize(("colour", "minutes", "cause"), [("", 60, "name one"), ("red", 60, "unknown colour"), ("blue", 0, "0 minutes")])
def test_a_link_to_nothing_is_refused(colour: str, minutes: int, cause: str) -> None:
    with pytest.raises(Refusal, match=cause):
        preview_link(TEST, colour, KEY, minutes, "localhost")


def test_a_form_comes_back_from_the_browser_that_got_it_in_time_and_for_its_purpose(key: SigningKey) -> None:
    now = time.time()
    forms = FormTokens(key, clock=lambda: now)
    token = forms.issue("login", "of-this-browser")
    assert forms.fits(token, "login", "of-this-browser")
    assert not forms.fits(token, "login", "of-another-browser")
    assert not forms.fits(token, "logout", "of-this-browser")
    assert not forms.fits(forms.issue("login", ""), "login", "")
    expiry, signature = token.split(".")
    assert not forms.fits(f"{int(expiry) + 1}.{signature}", "login", "of-this-browser")
    for wrong in ("", ".", f"{expiry}.", "1.é"):
        assert not forms.fits(wrong, "login", "of-this-browser")
    now += SECONDS
    assert not forms.fits(token, "login", "of-this-browser")
