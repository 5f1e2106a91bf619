# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Sends spans to a collector in OTLP's JSON form, with nothing but the standard library.

opentelemetry's SDK takes 0.4 s to import, with gRPC, which callback community.general.opentelemetry demands, 0.9 s. A run that
finds nothing to do takes 1.9 s in all.
"""

from __future__ import annotations

import http.client
import json
import ssl
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from ansible_collections.echobase.platform.plugins.plugin_utils.run_trace import Span, Value

# A run waits no longer for its trace to be taken.
PATIENCE_SECONDS = 2.0
_SERVER = 2
_INTERNAL = 1
_OK, _ERROR = 1, 2


@dataclass(frozen=True)
class Collector:
    url: str
    # The file of the authority that vouches for it; empty for the machine's own.
    authority: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_variables(cls, variables: Mapping[str, str]) -> Collector | None:
        """The collector of the user's own choice, by OpenTelemetry's standard variables."""
        url = variables.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "")
        endpoint = variables.get("OTEL_EXPORTER_OTLP_ENDPOINT", "")
        if not url and endpoint:
            url = f"{endpoint.rstrip('/')}/v1/traces"
        pairs = (pair.split("=", 1) for pair in variables.get("OTEL_EXPORTER_OTLP_HEADERS", "").split(",") if "=" in pair)
        headers = {name.strip(): unquote(value.strip()) for name, value in pairs}
        return cls(url, variables.get("OTEL_EXPORTER_OTLP_CERTIFICATE", ""), headers) if url else None

    @classmethod
    def of_file(cls, file: Path) -> Collector | None:
        """The environment's own collector, as role observability wrote it down; None where it has none."""
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
            return cls(f"{content['endpoint']}/v1/traces", str(content["authority"]))
        except (OSError, ValueError, LookupError, TypeError):
            return None

    def send(self, content: bytes, patience: float = PATIENCE_SECONDS) -> str:
        """Gives why it was not taken; empty when it was. It never takes longer than that, whatever the other side does."""
        trouble = [f"no answer within {patience:g} s"]
        # The whole exchange has one deadline, which a socket's own timeouts cannot give: each byte begins them anew.
        sender = threading.Thread(target=lambda: trouble.__setitem__(0, self._post(content, patience)), daemon=True)
        sender.start()
        sender.join(patience)
        return trouble[0]

    def _post(self, content: bytes, patience: float) -> str:
        try:
            connection = self._connection(patience)
            target = urlsplit(self.url)
            headers = {**self.headers, "Content-Type": "application/json"}
            connection.request("POST", target.path or "/", content, headers)
            answer = connection.getresponse()
            return "" if answer.status < 300 else f"it answered with {answer.status}"
        except (OSError, ValueError, http.client.HTTPException) as error:
            return str(error) or type(error).__name__

    def _connection(self, patience: float) -> http.client.HTTPConnection:
        target = urlsplit(self.url)
        host = target.hostname or ""
        if target.scheme == "http":
            return http.client.HTTPConnection(host, target.port, timeout=patience)
        trust = ssl.create_default_context(cafile=self.authority or None)
        return http.client.HTTPSConnection(host, target.port, timeout=patience, context=trust)


def encoded(trace_id: str, spans: Sequence[Span], resource: Mapping[str, Value]) -> bytes:
    scope = {"scope": {"name": "echobase.platform.trace"}, "spans": [_span(trace_id, span, span is spans[0]) for span in spans]}
    content = {"resourceSpans": [{"resource": {"attributes": _attributes(resource)}, "scopeSpans": [scope]}]}
    return json.dumps(content, separators=(",", ":")).encode()


def _span(trace_id: str, span: Span, is_root: bool) -> dict[str, Any]:
    status = {} if span.failure is None else {"code": _ERROR, "message": span.failure} if span.failure else {"code": _OK}
    return {
        "traceId": trace_id,
        "spanId": span.span_id,
        "parentSpanId": span.parent_id,
        "name": span.name,
        "kind": _SERVER if is_root else _INTERNAL,
        # Numbers of 64 bits are texts in this form.
        "startTimeUnixNano": str(span.start),
        "endTimeUnixNano": str(span.end),
        "attributes": _attributes(span.attributes),
        "status": status,
    }


def _attributes(attributes: Mapping[str, Value]) -> list[dict[str, Any]]:
    return [{"key": name, "value": _value(value)} for name, value in attributes.items()]


def _value(value: Value) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    return {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}
