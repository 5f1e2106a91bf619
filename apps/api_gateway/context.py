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
from api_gateway.order_desk import OrderDesk
from api_gateway.passwords import Passwords
from api_gateway.rate_limit import RateLimit
from api_gateway.sessions import Sessions
from api_gateway.settings import GatewaySettings
from api_gateway.shared_limit import SharedLimit
from api_gateway.tokens import Tokens
from orders.cache import Cache
from orders.cloud import Kms, SecretsManager
from orders.credentials import signing_keys
from orders.database import Database
from orders.notes import Notes
from orders.order_cache import OrderCache
from orders.outbox import Outbox


@dataclass(frozen=True)
class Context:
    settings: GatewaySettings
    database: Database
    notes: Notes
    accounts: Accounts
    order_desk: OrderDesk
    # None where the environment has none.
    cache: Cache | None
    passwords: Passwords
    tokens: Tokens
    sessions: Sessions
    lockout: Lockout
    requests: SharedLimit
    logins: SharedLimit
    registrations: SharedLimit
    client_address: ClientAddress

    @classmethod
    def of(cls, settings: GatewaySettings) -> Context:
        secrets = SecretsManager(settings.cloud)
        database = Database(settings.database, secrets, settings.database_connections)
        notes = Notes(Kms(settings.cloud, settings.release.environment))
        cache = Cache(settings.cache) if settings.cache else None
        return cls(
            settings=settings,
            database=database,
            notes=notes,
            accounts=Accounts(database),
            order_desk=OrderDesk(
                OrderBook(database, notes, Outbox(settings.release.colour), settings.idempotency_seconds), OrderCache(cache)
            ),
            cache=cache,
            passwords=Passwords(settings.bcrypt_cost),
            tokens=Tokens(partial(signing_keys, settings.cloud, secrets), settings.token_seconds),
            sessions=Sessions(database, settings.refresh_seconds),
            lockout=Lockout(database, settings.lock_after_failures, settings.lock_seconds),
            requests=SharedLimit("rate:requests", RateLimit(settings.requests_per_minute), cache),
            logins=SharedLimit("login", RateLimit(settings.login_attempts_per_minute), cache),
            registrations=SharedLimit("rate:registrations", RateLimit(settings.registrations_per_minute), cache),
            client_address=ClientAddress(settings.trusted_proxies),
        )


async def _of_request(request: Request) -> Context:
    """Only what is `async` runs in the loop; for anything else FastAPI wakes a thread, once a request."""
    context: Context = request.app.state.context
    return context


Given = Annotated[Context, Depends(_of_request)]
