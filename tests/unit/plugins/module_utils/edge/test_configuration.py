from __future__ import annotations

import re
from pathlib import Path

from ansible_collections.echobase.platform.plugins.module_utils.edge.configuration import Changes, EdgeFile, WantedEdge, digest_of
from ansible_collections.echobase.platform.plugins.module_utils.edge.servers import EdgeStep

TEMPLATES = Path(__file__).resolve().parents[5] / "roles/edge/templates"


def test_only_what_nginx_reads_when_it_starts_calls_for_another_one() -> None:
    assert all(EdgeFile(name, "").is_read_when_starting for name in ("edge/nginx.conf", "edge/ca.crt"))
    assert not any(EdgeFile(name, "").is_read_when_starting for name in ("edge/pages/nothing-live.html", "compose/edge.yml"))


def test_changes_say_what_they_are() -> None:
    changes = Changes([EdgeFile("edge/nginx.conf", "")], steps=(EdgeStep.HOLD, EdgeStep.START), lays_table=True, hides_log=True)
    assert changes.described == [
        "write edge/nginx.conf",
        "lay the empty routing table",
        "let nobody but the operators' desk read edge-log",
        "hold the listening sockets",
        "start the edge",
    ]
    assert changes
    assert not Changes([])


def test_a_digest_tells_where_one_part_ends() -> None:
    assert digest_of(["a", "b"]) == digest_of(["a", "b"])
    assert digest_of(["a", "b"]) != digest_of(["ab", ""])


def test_a_host_without_ipv6_listens_on_no_such_address() -> None:
    configuration = "server {\n    listen 443 ssl;\n    listen [::]:443 ssl;\n    limit_conn clients 5;\n}\n"
    sockets = 'command:\n  - 0.0.0.0:443\n  - "[::]:443"\nrestart: always\n'
    wanted = WantedEdge(configuration, "x: '[::]:1'\n", sockets).without_ipv6()
    assert wanted.configuration == "server {\n    listen 443 ssl;\n    limit_conn clients 5;\n}\n"
    assert wanted.sockets_compose == "command:\n  - 0.0.0.0:443\nrestart: always\n"
    assert wanted.compose == "x: '[::]:1'\n"


def test_each_such_address_of_the_templates_stands_on_a_line_of_its_own() -> None:
    lines = [line.strip() for path in TEMPLATES.rglob("*.j2") for line in path.read_text().splitlines() if "[::]:" in line]
    assert len(lines) >= 3
    assert all(
        re.fullmatch(r"listen \[::\]:\S+[^;]*;|listen \[::\]:\{\{ [\w.]+ \}\}[^;]*;|- \"\[::\]:\{\{ port \}\}\"", line) for line in lines
    )
