"""How spans are written down and sent, and what a collector that is not there costs."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path

import pytest

from ansible_collections.echobase.platform.plugins.plugin_utils.otlp import Collector, encoded
from ansible_collections.echobase.platform.plugins.plugin_utils.run_trace import Span

TRACE = "0af7651916cd43dd8448eb211c80319c"


def test_spans_are_written_as_the_specification_says() -> None:
    root = Span("playbook deploy", "", 1, 2**60, {"ansible.changed": 3, "check": True, "name": "x"}, "", "b7ad6b7169203331")
    step = Span("step", root.span_id, 2, 3, {}, "it broke", "00f067aa0ba902b7")
    content = json.loads(encoded(TRACE, [root, step, Span("skipped", root.span_id, 2, 3)], {"service.name": "ansible"}))
    [resource] = content["resourceSpans"]
    assert resource["resource"] == {"attributes": [{"key": "service.name", "value": {"stringValue": "ansible"}}]}
    [scope] = resource["scopeSpans"]
    first, second, third = scope["spans"]
    assert (first["traceId"], first["spanId"], first["parentSpanId"], first["kind"]) == (TRACE, "b7ad6b7169203331", "", 2)
    # Numbers of 64 bits are texts.
    assert first["endTimeUnixNano"] == str(2**60)
    assert [pair["value"] for pair in first["attributes"]] == [{"intValue": "3"}, {"boolValue": True}, {"stringValue": "x"}]
    assert (first["status"], second["status"], third["status"]) == ({"code": 1}, {"code": 2, "message": "it broke"}, {})
    assert (second["parentSpanId"], second["kind"]) == ("b7ad6b7169203331", 1)


def test_the_users_own_collector_is_named_by_the_standard_variables() -> None:
    variables = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "https://otel.example:4318/",
        "OTEL_EXPORTER_OTLP_CERTIFICATE": "/etc/ca.crt",
        "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20x, tenant=shop",
    }
    headers = {"authorization": "Bearer x", "tenant": "shop"}
    assert Collector.of_variables(variables) == Collector("https://otel.example:4318/v1/traces", "/etc/ca.crt", headers)
    own = Collector.of_variables({**variables, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://traces.example/in"})
    assert own is not None
    assert own.url == "https://traces.example/in"
    assert Collector.of_variables({}) is None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"endpoint": "https://x"}', "null"])
def test_a_file_that_names_no_collector_means_that_there_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "telemetry.json").write_text(content)
    assert Collector.of_file(tmp_path / "telemetry.json") is None
    assert Collector.of_file(tmp_path / "missing.json") is None


def test_a_collector_that_is_away_is_told_at_once() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        began = time.monotonic()
        assert "refused" in Collector(f"http://127.0.0.1:{closed.getsockname()[1]}/v1/traces").send(b"{}")
    assert time.monotonic() - began < 1


def test_a_collector_that_says_nothing_is_waited_for_no_longer_than_that() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/v1/traces"
        assert Collector(url).send(b"{}", patience=0.3)
    assert time.monotonic() - began < 1.5


@pytest.mark.parametrize("url", ["https://", "nonsense", "https://127.0.0.1:99999/v1/traces", "http://127.0.0.1:x/"])
def test_an_address_that_is_none_is_told(url: str) -> None:
    assert Collector(url).send(b"{}")


def test_an_authority_that_is_not_there_is_told() -> None:
    assert "No such file" in Collector("https://127.0.0.1:1/v1/traces", "/nowhere/ca.crt").send(b"{}")
