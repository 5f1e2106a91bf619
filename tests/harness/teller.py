"""A container that tells of itself as the application does, 10 times a second, and can say whether that ever kept it."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from harness.backend_fixtures import Container, docker
from harness.images_under_test import image_tag
from harness.observability_under_test import ObservabilityUnderTest

_PROGRAM = Path(__file__).with_name("telling_program.py")
# What its log store calls what it sent, and what it printed.
SENT, PRINTED = "teller", "teller-printed"


@dataclass
class Teller:
    watched: ObservabilityUnderTest
    container: Container
    # Another one before it counted from one as well.
    began: datetime

    @property
    def told(self) -> dict[str, float]:
        """Its newest line."""
        line = docker("logs", "--tail", "1", self.container.name)
        return dict(json.loads(line)) if line else {"tick": 0, "slowest": 0}

    @property
    def ticks(self) -> int:
        return int(self.told["tick"])

    def sent(self) -> dict[int, datetime]:
        """The ticks that the log store got by OTLP, and when each was."""
        records = self.watched.logs({"service_name": SENT}, limit=100_000, since=datetime.now(UTC) - self.began)
        return {int(record.body.split()[1]): record.at for record in records if record.body.startswith("tick ")}

    def printed(self) -> set[int]:
        """The ticks that the log store got from what the container printed."""
        records = self.watched.logs({"service_name": PRINTED}, limit=100_000, since=datetime.now(UTC) - self.began)
        return {int(json.loads(record.body)["tick"]) for record in records if record.body.startswith('{"tick"')}

    def stop(self) -> float:
        """Gives how long it took."""
        began = time.monotonic()
        docker("stop", "--time", "20", self.container.name)
        return time.monotonic() - began


def longest_gap(moments: dict[int, datetime], since: datetime) -> float:
    """The longest time in which nothing was, in seconds."""
    known = sorted(moment for moment in moments.values() if moment >= since)
    assert len(known) > 1
    return max((after - before).total_seconds() for before, after in pairwise(known))


@contextmanager
def teller(watched: ObservabilityUnderTest, ticks_per_second: float = 10) -> Iterator[Teller]:
    env = watched.env
    container, began = Container("echobase-test-teller"), datetime.now(UTC)
    docker("rm", "--force", container.name, check=False)
    labels = {"io.echobase.environment": env.name, "com.docker.compose.service": PRINTED}
    variables = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "https://collector.echobase.internal:4318",
        "OTEL_EXPORTER_OTLP_CERTIFICATE": "/run/ca.crt",
        "OTEL_SERVICE_NAME": SENT,
        # As role app_stack has them.
        "OTEL_EXPORTER_OTLP_TIMEOUT": "2",
        "OTEL_BSP_SCHEDULE_DELAY": "1000",
        "OTEL_BLRP_SCHEDULE_DELAY": "1000",
        "OTEL_METRIC_EXPORT_INTERVAL": "10000",
        "TICKS_PER_SECOND": str(ticks_per_second),
    }
    subprocess.run(
        [
            *("docker", "run", "--detach", "--name", container.name, "--network", env.durable_network.name, "--memory", "256m"),
            *(word for label, value in labels.items() for word in ("--label", f"{label}={value}")),
            *("--log-driver", "json-file", "--log-opt", f"labels={','.join(labels)}"),
            *("--log-opt", "max-size=10m", "--log-opt", "max-file=3"),
            *(word for name, value in variables.items() for word in ("--env", f"{name}={value}")),
            *("--volume", f"{watched.home}/tls/ca.crt:/run/ca.crt:ro"),
            *(image_tag("backend"), "python", "-c", _PROGRAM.read_text()),
        ],
        check=True,
        capture_output=True,
    )
    try:
        yield Teller(watched, container, began)
    finally:
        container.remove()
