"""What the routes work with, made once for the process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from api_gateway.client_address import ClientAddress
from operators_desk.form_tokens import FormTokens
from operators_desk.logins import LONGEST_WAIT_OF_ACCOUNT, LONGEST_WAIT_OF_CLIENT, Logins, Wait, basic_login
from operators_desk.operators import Operators
from operators_desk.previews import Previews
from operators_desk.scraper import Scraper
from operators_desk.sessions import Session, Sessions
from operators_desk.settings import DeskSettings
from operators_desk.signatures import SigningKey
from operators_desk.throttle import Throttle


@dataclass(frozen=True)
class Context:
    settings: DeskSettings
    operators: Operators
    sessions: Sessions
    logins: Logins
    forms: FormTokens
    previews: Previews
    scraper: Scraper
    client_address: ClientAddress

    @classmethod
    def of(cls, settings: DeskSettings) -> Context:
        operators = Operators(settings.secrets / "operators.htpasswd")
        sessions = Sessions(settings.data / "sessions.sqlite", settings.session_seconds, settings.idle_seconds)
        operators.on_change(sessions.end_outdated)
        free = settings.free_attempts
        clients, accounts = Throttle(free, LONGEST_WAIT_OF_CLIENT), Throttle(2 * free, LONGEST_WAIT_OF_ACCOUNT)
        return cls(
            settings=settings,
            operators=operators,
            sessions=sessions,
            logins=Logins(operators, sessions, clients, accounts),
            forms=FormTokens(SigningKey(settings.secrets / "desk_key")),
            previews=Previews(settings.environment, SigningKey(settings.secrets / "preview_key")),
            scraper=Scraper(settings.secrets / "metrics_password"),
            client_address=ClientAddress(settings.trusted_proxies),
        )

    def session(self, request: Request) -> Session | None:
        """Gives the session by its cookie. A session ends with the operator's account or password, too."""
        found = self.sessions.find(self.session_id(request))
        return found if found is not None and self.operators.credential(found.operator) == found.credential else None

    def session_id(self, request: Request) -> str:
        return request.cookies.get(self.settings.operator_cookie, "")

    async def operator(self, request: Request) -> str | Wait | None:
        """Gives the operator who asks, by the cookie of a session, or by a program's name and password."""
        session = self.session(request)
        if session is not None:
            return session.operator
        login = basic_login(request.headers.get("authorization", ""))
        if login is None:
            return None
        found = await self.logins.attempt_of_program(*login, self.address(request))
        return found.operator if isinstance(found, Session) else found

    def address(self, request: Request) -> str:
        return self.client_address.of(request.scope)


async def _of_request(request: Request) -> Context:
    context: Context = request.app.state.context
    return context


Given = Annotated[Context, Depends(_of_request)]
