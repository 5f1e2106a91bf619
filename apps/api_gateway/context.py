"""What the routes work with, made once for the process."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Annotated

from fastapi import Depends, Request

from api_gateway.accounts import Accounts
from api_gateway.client_address import ClientAddress
from api_gateway.lockout import Lockout
from api_gateway.order_book import OrderBook
from api_gateway.passwords import Passwords
from api_gateway.rate_limit import RateLimit
from api_gateway.sessions import Sessions
from api_gateway.settings import GatewaySettings
from api_gateway.tokens import Tokens
from orders.cloud import Kms, SecretsManager
from orders.credentials import signing_keys
from orders.database import Database
from orders.notes import Notes
from orders.outbox import Outbox


@dataclass(frozen=True)
class Context:
    settings: GatewaySettings
    database: Database
    notes: Notes
    accounts: Accounts
    order_book: OrderBook
    passwords: Passwords
    tokens: Tokens
    sessions: Sessions
    lockout: Lockout
    logins: RateLimit
    registrations: RateLimit
    client_address: ClientAddress

    @classmethod
    def of(cls, settings: GatewaySettings) -> Context:
        secrets = SecretsManager(settings.cloud)
        database = Database(settings.database, secrets, settings.database_connections)
        notes = Notes(Kms(settings.cloud, settings.release.environment))
        return cls(
            settings=settings,
            database=database,
            notes=notes,
            accounts=Accounts(database),
            order_book=OrderBook(database, notes, Outbox(settings.release.colour), settings.idempotency_seconds),
            passwords=Passwords(settings.bcrypt_cost),
            tokens=Tokens(partial(signing_keys, settings.cloud, secrets), settings.token_seconds),
            sessions=Sessions(database, settings.refresh_seconds),
            lockout=Lockout(database, settings.lock_after_failures, settings.lock_seconds),
            logins=RateLimit(settings.login_attempts_per_minute),
            registrations=RateLimit(settings.registrations_per_minute),
            client_address=ClientAddress(settings.trusted_proxies),
        )


def _of_request(request: Request) -> Context:
    context: Context = request.app.state.context
    return context


Given = Annotated[Context, Depends(_of_request)]
