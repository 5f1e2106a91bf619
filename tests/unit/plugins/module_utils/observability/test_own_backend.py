from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.observability.own_backend import OwnBackend
from harness.otlp_sink import OtlpSink, nobody_there, otlp_sink
from harness.throwaway_tls import make_certificates


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[OtlpSink]:
    make_certificates(tmp_path / "tls", [])
    make_certificates(tmp_path / "other", [])
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "tls" / "edge" / "tls.crt", tmp_path / "tls" / "edge" / "tls.key")
    with otlp_sink(tls=tls) as made:
        yield made


def of(sink: OtlpSink, folder: Path, authority: str = "tls") -> OwnBackend:
    (folder / "headers.yaml").write_text("Authorization: Bearer one\nX-Shop: 7\n")
    return OwnBackend(f"{sink.url}/", str(folder / "headers.yaml"), str(folder / authority / "ca.crt"))


def test_one_that_takes_what_it_is_sent_is_no_trouble(sink: OtlpSink, tmp_path: Path) -> None:
    assert of(sink, tmp_path).trouble() == ""
    assert (sink.headers[0]["Authorization"], sink.headers[0]["X-Shop"]) == ("Bearer one", "7")
    assert sink.bodies == [("/v1/traces", b"")]


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (400, ""),
        (401, "it answers 401 Unauthorized; what is sent is lost, since the collector takes that for its last word"),
        (429, "it answers 429 Too Many Requests; what is sent waits on the collector's disk"),
        (503, "it answers 503 Service Unavailable; what is sent waits on the collector's disk"),
    ],
)
def test_what_it_answers_otherwise_is_told_with_what_follows(sink: OtlpSink, tmp_path: Path, status: int, told: str) -> None:
    sink.status = status
    trouble = of(sink, tmp_path).trouble()
    assert trouble == (f"{sink.url}/ takes nothing: {told}" if told else "")


def test_another_authority_and_nobody_at_all_are_told(sink: OtlpSink, tmp_path: Path) -> None:
    assert "certificate verify failed" in of(sink, tmp_path, "other").trouble()
    with nobody_there() as url:
        assert OwnBackend(url).trouble().startswith(f"{url} takes nothing: [Errno 111] Connection refused; what is sent waits")


def test_files_that_are_not_what_they_should_be_are_refused(sink: OtlpSink, tmp_path: Path) -> None:
    backend = of(sink, tmp_path)
    (tmp_path / "headers.yaml").write_text("just words")
    with pytest.raises(Refusal, match=r"headers.yaml is no YAML mapping"):
        backend.trouble()
    (tmp_path / "headers.yaml").unlink()
    with pytest.raises(Refusal, match=r"headers.yaml cannot be read"):
        backend.trouble()
    (tmp_path / "none.crt").write_text("no certificate")
    with pytest.raises(Refusal, match=r"none.crt is no certificate"):
        OwnBackend(sink.url, authority=str(tmp_path / "none.crt")).trouble()


def test_an_environment_with_stores_of_its_own_has_none() -> None:
    assert OwnBackend.described(None) is None
    told = {"endpoint": "https://otlp.example.com", "headers_file": "", "authority": ""}
    assert OwnBackend.described(json.dumps(told)) == OwnBackend("https://otlp.example.com")
