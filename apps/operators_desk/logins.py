"""An attempt to log in, by a form or by a program: throttled by the client's address and by the account."""

from __future__ import annotations

import base64
import binascii
import logging
from dataclasses import dataclass

from operators_desk.operators import Operators
from operators_desk.sessions import Session, Sessions
from operators_desk.throttle import Throttle, neighbourhood

log = logging.getLogger("operators_desk")

# A client that guesses waits up to a quarter of an hour. An account is guarded less strictly: somebody else's guesses must not
# keep its owner out for long, and not at all at an address that the owner uses.
LONGEST_WAIT_OF_CLIENT = 900.0
LONGEST_WAIT_OF_ACCOUNT = 60.0


@dataclass(frozen=True)
class Wait:
    seconds: int


class Logins:
    def __init__(self, operators: Operators, sessions: Sessions, clients: Throttle, accounts: Throttle) -> None:
        self._operators = operators
        self._sessions = sessions
        self._clients = clients
        self._accounts = accounts

    async def attempt(self, name: str, password: str, address: str) -> Session | Wait | None:
        """Gives the operator who logs in by the form; None where the name or the password is wrong, and nobody is told which."""
        found = await self._attempt(name, password, address)
        if isinstance(found, Session):
            self._accounts.clear(name)
        return found

    async def attempt_of_program(self, name: str, password: str, address: str) -> Session | Wait | None:
        """A program logs in with each request. If that forgave what others failed at, they could guess as often as it asks."""
        found = await self._attempt(name, password, address)
        if isinstance(found, Session):
            self._sessions.make_familiar(name, neighbourhood(address))
        return found

    async def _attempt(self, name: str, password: str, address: str) -> Session | Wait | None:
        client = neighbourhood(address)
        wait = self._clients.take(client)
        if wait:
            log.warning("login from %s refused unasked: too many failures, %d s to wait", address, wait)
            return Wait(wait)
        familiar = self._sessions.is_familiar(name, client)
        wait = 0 if familiar else self._accounts.take(name)
        if wait:
            self._clients.give_back(client)
            log.warning(
                "login as %s from %s refused unasked: too many failures for this account, %d s to wait", self._known(name), address, wait
            )
            return Wait(wait)
        credential = self._operators.credential(name)
        if not await self._operators.fits(name, password):
            log.warning("login as %s from %s failed", self._known(name), address)
            return None
        self._clients.give_back(client)
        if not familiar:
            self._accounts.give_back(name)
        return Session(name, credential)

    def begin_session(self, session: Session, address: str) -> str:
        session_id = self._sessions.begin(session, neighbourhood(address))
        log.info("%s logged in from %s", session.operator, address)
        return session_id

    def end_session(self, session_id: str, operator: str, address: str) -> None:
        self._sessions.end(session_id)
        log.info("%s logged out from %s", operator, address)

    def _known(self, name: str) -> str:
        """Gives a name for the log only if it is known: what people type into the wrong field is a password now and then."""
        return name if self._operators.credential(name) else "an unknown name"


def basic_login(header: str) -> tuple[str, str] | None:
    """Name and password of an Authorization header, if it holds any."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (name, password) if colon else None
