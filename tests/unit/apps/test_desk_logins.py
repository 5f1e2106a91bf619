"""Strangers guess from as many addresses as they like while a program logs in every few seconds: neither changes what the other may do."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import bcrypt
import pytest

from operators_desk.logins import LONGEST_WAIT_OF_ACCOUNT, LONGEST_WAIT_OF_CLIENT, Logins, Wait
from operators_desk.operators import Operators
from operators_desk.scraper import NAME, Scraper
from operators_desk.sessions import Session, Sessions
from operators_desk.throttle import Throttle

FREE = 5
HOUR = 3600
# The role's own, for one account: ten are free, then 2, 4, 8, 16 and 32 seconds, then one each minute.
GUESSES_AN_HOUR = 73
SCRAPER = "192.0.2.1"


@dataclass
class Clock:
    now: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Scene:
    clock: Clock
    sessions: Sessions
    logins: Logins
    # One for all: an hour is thousands of attempts.
    loop: asyncio.AbstractEventLoop

    def guess(self, number: int) -> Session | Wait | None:
        """Each from an address of its own, so that only the account slows them down."""
        address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        return self.loop.run_until_complete(self.logins.attempt("anna", "guess", address))

    def program(self, address: str = SCRAPER) -> Session | Wait | None:
        return self.loop.run_until_complete(self.logins.attempt_of_program("anna", "of anna", address))

    def form(self, address: str) -> Session | Wait | None:
        return self.loop.run_until_complete(self.logins.attempt("anna", "of anna", address))


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    accounts = tmp_path / "operators.htpasswd"
    accounts.write_text(f"anna:{bcrypt.hashpw(b'of anna', bcrypt.gensalt(4)).decode()}\n")
    clock = Clock()
    sessions = Sessions(tmp_path / "sessions.sqlite", 12 * HOUR, HOUR, clock)
    clients, throttle = Throttle(FREE, LONGEST_WAIT_OF_CLIENT, clock), Throttle(2 * FREE, LONGEST_WAIT_OF_ACCOUNT, clock)
    loop = asyncio.new_event_loop()
    yield Scene(clock, sessions, Logins(Operators(accounts), sessions, clients, throttle), loop)
    loop.close()
    sessions.close()


def test_guesses_an_hour_are_bounded_while_a_program_logs_in_every_15_seconds(scene: Scene) -> None:
    assert isinstance(scene.program(), Session)
    guesses, refused_scrapes = 0, 0
    for second in range(HOUR):
        if second % 15 == 0:
            refused_scrapes += not isinstance(scene.program(), Session)
        # Several in a second: the first one that is let through is the only one.
        while scene.guess(guesses) is None:
            guesses += 1
        scene.clock.now += 1
    assert refused_scrapes == 0
    assert GUESSES_AN_HOUR - 3 <= guesses <= GUESSES_AN_HOUR


def test_a_program_at_a_new_address_waits_with_those_who_guess_and_helps_them_no_further(scene: Scene) -> None:
    guesses = 0
    while scene.guess(guesses) is None:
        guesses += 1
    assert isinstance(scene.program(), Wait)
    scene.clock.now += 2
    assert isinstance(scene.program(), Session)
    # Its login is no reason to let others go on.
    assert isinstance(scene.guess(guesses), Wait)
    scene.clock.now += 2
    assert scene.guess(guesses) is None
    assert isinstance(scene.guess(guesses + 1), Wait)
    assert isinstance(scene.program(), Session)


def test_an_address_stays_familiar_as_long_as_a_program_comes(scene: Scene) -> None:
    for _ in range(4):
        assert isinstance(scene.program(), Session)
        scene.clock.now += 20 * 86400
    assert scene.sessions.is_familiar("anna", SCRAPER)
    scene.clock.now += 10 * 86400
    assert not scene.sessions.is_familiar("anna", SCRAPER)


def test_a_person_who_logs_in_is_forgiven(scene: Scene) -> None:
    for number in range(2 * FREE - 1):
        assert scene.guess(number) is None
    assert isinstance(scene.form("192.0.2.9"), Session)
    for number in range(2 * FREE):
        assert scene.guess(number + 100) is None
    assert isinstance(scene.guess(1000), Wait)


def test_the_scrapers_password_opens_with_its_name_only(tmp_path: Path) -> None:
    file = tmp_path / "metrics_password"
    scraper = Scraper(file)
    assert not scraper.fits(NAME, "")
    file.write_text("")
    assert not scraper.fits(NAME, "")
    file.write_text("first\n")
    assert scraper.fits(NAME, "first")
    assert not any(scraper.fits(*login) for login in ((NAME, "other"), (NAME, ""), ("operator", "first"), ("", "first")))
    file.write_text("second")
    assert (scraper.fits(NAME, "first"), scraper.fits(NAME, "second")) == (False, True)
