"""Where logs are kept: a port with two implementations. Labels, limits and questions are the same, whichever there is."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import urlencode

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.host.https_client import HttpsClient

# What a stream is: few values each, so that a store can keep a stream's lines together.
STREAM_LABELS = ("service_name", "environment", "colour")
AUTO = "auto"


@dataclass(frozen=True)
class Record:
    """One line of a log, in whichever store it is. `fields` are all the others."""

    at: datetime
    body: str
    fields: Mapping[str, str]


class LogStore(ABC):
    name: ClassVar[str]
    # The service, and the tool's name at the edge.
    service: ClassVar[str]
    # The image's name in the catalogue.
    image: ClassVar[str]
    port: ClassVar[int]
    # Its answer is 200 once it takes in lines.
    health_path: ClassVar[str]
    metrics_path: ClassVar[str]

    @abstractmethod
    def command(self, days: int, size: int) -> list[str]:
        """The arguments that say how long lines are kept, and on how many bytes."""

    @abstractmethod
    def exporter(self) -> dict[str, Any]:
        """Where the collector sends lines, as the settings of its exporter `otlphttp`."""

    @abstractmethod
    def query(self, client: HttpsClient, filters: Mapping[str, str], since: timedelta, limit: int) -> list[Record]:
        """The newest lines of which each field has that value; fields go by the names of `STREAM_LABELS`, trace_id and span_id."""

    def _exporter_to(self, **settings: Any) -> dict[str, Any]:
        return {"logs_endpoint": f"https://{self.service}.echobase.internal:{self.port}{self._insert_path}"} | settings

    _insert_path: ClassVar[str]


class VictoriaLogs(LogStore):
    name = "victorialogs"
    service = "logs"
    image = "victorialogs"
    port = 9428
    health_path = "/logs/health"
    metrics_path = "/logs/metrics"
    _insert_path = "/logs/insert/opentelemetry/v1/logs"

    def command(self, days: int, size: int) -> list[str]:
        return [
            "-storageDataPath=/data",
            f"-retentionPeriod={days}d",
            f"-retention.maxDiskSpaceUsageBytes={size}",
            "-http.pathPrefix=/logs",
            f"-httpListenAddr=:{self.port}",
            "-tls",
            "-tlsCertFile=/run/tls/tls.crt",
            "-tlsKeyFile=/run/tls/tls.key",
            "-memory.allowedPercent=50",
            "-loggerLevel=WARN",
        ]

    def exporter(self) -> dict[str, Any]:
        return self._exporter_to(headers={"VL-Stream-Fields": "service.name,environment,colour"})

    def query(self, client: HttpsClient, filters: Mapping[str, str], since: timedelta, limit: int) -> list[Record]:
        seconds = max(1, int(since.total_seconds()))
        wanted = [f"{_victoria_name(name)}:={_quoted(value)}" for name, value in filters.items()]
        question = " ".join([f"_time:{seconds}s", *wanted, f"| sort by (_time desc) limit {limit}"])
        answer = client.request("GET", f"/logs/select/logsql/query?{urlencode({'query': question})}")
        _refuse_unless_well(self, answer.status, answer.body)
        return [self._record(json.loads(line)) for line in answer.body.splitlines() if line]

    @staticmethod
    def _record(line: Mapping[str, str]) -> Record:
        fields = {("service_name" if name == "service.name" else name): value for name, value in line.items() if not name.startswith("_")}
        return Record(datetime.fromisoformat(line["_time"]), line.get("_msg", ""), fields)


class Loki(LogStore):
    name = "loki"
    service = "loki"
    image = "loki"
    port = 3100
    health_path = "/ready"
    metrics_path = "/metrics"
    _insert_path = "/otlp/v1/logs"

    def command(self, days: int, size: int) -> list[str]:
        # Loki has no limit of size: its retention is in loki.yaml, and its rate is limited there, so that days bound the bytes.
        return ["-config.file=/etc/observability/loki.yaml"]

    def exporter(self) -> dict[str, Any]:
        return self._exporter_to()

    def query(self, client: HttpsClient, filters: Mapping[str, str], since: timedelta, limit: int) -> list[Record]:
        stream = [f"{name}={_quoted(value)}" for name, value in filters.items() if name in STREAM_LABELS] or ['service_name=~".+"']
        others = [f"{name}={_quoted(value)}" for name, value in filters.items() if name not in STREAM_LABELS]
        question = " | ".join(["{" + ", ".join(stream) + "}", *others])
        start = datetime.now(UTC) - since
        asked = {"query": question, "limit": limit, "start": int(start.timestamp() * 1e9), "direction": "backward"}
        answer = client.request("GET", f"/loki/api/v1/query_range?{urlencode(asked)}")
        _refuse_unless_well(self, answer.status, answer.body)
        found = [
            Record(datetime.fromtimestamp(int(value[0]) / 1e9, UTC), value[1], stream["stream"])
            for stream in answer.json()["data"]["result"]
            for value in stream["values"]
        ]
        return sorted(found, key=lambda record: record.at, reverse=True)[:limit]


LOG_STORES: dict[str, LogStore] = {store.name: store for store in (Loki(), VictoriaLogs())}


def chosen_log_store(choice: str, images: Collection[str]) -> LogStore:
    """`auto` is Loki where its image can be had; `images` are the names of those that are there."""
    if choice == AUTO:
        return LOG_STORES["loki" if LOG_STORES["loki"].image in images else "victorialogs"]
    if choice not in LOG_STORES:
        raise Refusal(f"unknown log store '{choice}'", f"set observability_log_store to one of {', '.join((AUTO, *LOG_STORES))}")
    return LOG_STORES[choice]


def _victoria_name(name: str) -> str:
    return '"service.name"' if name == "service_name" else name


def _quoted(value: str) -> str:
    return json.dumps(value)


def _refuse_unless_well(store: LogStore, status: int, body: bytes) -> None:
    if status != 200:
        raise Refusal(f"{store.name} answers a question with {status}: {body[:200].decode(errors='replace')}", f"see /{store.service}/")
