"""What is told about health, as the published contract has it, and how it is found out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Literal

from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel

from api_gateway.checks import database_answers
from api_gateway.context import Context

Health = Literal["healthy", "unhealthy"]


class Alive(BaseModel):
    status: Literal["ok"]
    timestamp: str


class ServiceReport(BaseModel):
    status: Health
    # Where there is nothing to ask.
    detail: str | None = None


class Services(BaseModel):
    api: Health
    database: Health
    cache: Health


class Memory(BaseModel):
    used: int
    total: int


class System(BaseModel):
    uptime: float
    memory: Memory
    platform: str


class Report(BaseModel):
    status: Literal["ok", "degraded"]
    timestamp: str
    services: Services
    # For operators only.
    system: System | None = None


@dataclass(frozen=True)
class Answered:
    """Whether a service answered, and how long that took."""

    well: bool
    seconds: float

    @property
    def health(self) -> Health:
        return "healthy" if self.well else "unhealthy"


async def ask_database(context: Context) -> Answered:
    return await _timed(run_in_threadpool(database_answers, context.database))


async def ask_cache(context: Context) -> Answered:
    """None that is away is none that could be missed."""
    return await _timed(context.cache.answers()) if context.cache else Answered(True, 0.0)


async def ask_both(context: Context) -> tuple[Answered, Answered]:
    return await asyncio.gather(ask_database(context), ask_cache(context))


async def _timed(question: Awaitable[bool]) -> Answered:
    began = time.perf_counter()
    return Answered(await question, time.perf_counter() - began)
