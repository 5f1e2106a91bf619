"""OpenTelemetry's SDK, as the standard OTEL_* variables configure it. Only what is switched on imports this."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from opentelemetry import metrics, trace
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult

from orders.quick_spans import encode
from orders.told_logs import ToldLogs


@dataclass
class Otlp:
    shutdowns: list[Callable[[], Any]] = field(default_factory=list)
    # Whether whoever is told did not answer the last time.
    is_away: bool = False

    @classmethod
    def begin(cls, identity: Mapping[str, str]) -> Otlp:
        otlp = cls()
        resource = Resource.create(dict(identity))
        # What the SDK itself does when the process exits would wait for a server that hangs.
        traces = TracerProvider(resource=resource, shutdown_on_exit=False)
        traces.add_span_processor(BatchSpanProcessor(otlp._noticing(QuickSpanExporter())))
        meters = MeterProvider([PeriodicExportingMetricReader(otlp._noticing(OTLPMetricExporter()))], resource, shutdown_on_exit=False)
        logs = LoggerProvider(resource, shutdown_on_exit=False)
        logs.add_log_record_processor(BatchLogRecordProcessor(otlp._noticing(OTLPLogExporter())))
        trace.set_tracer_provider(traces)
        metrics.set_meter_provider(meters)
        logging.getLogger().addHandler(ToldLogs(logs))
        otlp.shutdowns = [traces.shutdown, meters.shutdown, logs.shutdown]
        return otlp

    def _noticing(self, exporter: Any) -> Any:
        export = exporter.export

        def noticing(*arguments: Any, **options: Any) -> Any:
            result = export(*arguments, **options)
            self.is_away = result.name != "SUCCESS"
            return result

        exporter.export = noticing
        return exporter


class QuickSpanExporter(OTLPSpanExporter):
    """The encoding was the greatest single cost of telling about a request."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        told = not self._shutdown and self._client.export(encode(spans)).success
        return SpanExportResult.SUCCESS if told else SpanExportResult.FAILURE
