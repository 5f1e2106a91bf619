"""What the processor is told by its environment, beyond what every process of a colour is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from orders.settings import CacheSettings, CloudSettings, DatabaseSettings, Release, Variables, idempotency_seconds


@dataclass(frozen=True)
class ProcessorSettings:
    release: Release
    database: DatabaseSettings
    cloud: CloudSettings
    cache: CacheSettings | None
    # How many orders may be under way: queues get slow when they are long.
    relay_cap: int
    # An order that is not finished this long after it was sent is sent again.
    sweep_after: timedelta
    most_failures: int
    # How long an idempotency key counts.
    keys_count_for: timedelta

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> ProcessorSettings:
        variables = Variables(environment)
        return cls(
            release=Release.of(variables),
            database=DatabaseSettings.of(variables),
            cloud=CloudSettings.of(variables),
            cache=CacheSettings.of(variables),
            relay_cap=variables.number("RELAY_CAP", default=100, at_least=1),
            sweep_after=timedelta(seconds=variables.number("SWEEP_AFTER", default=15, at_least=1)),
            most_failures=variables.number("MOST_FAILURES", default=5, at_least=1),
            keys_count_for=timedelta(seconds=idempotency_seconds(variables)),
        )
