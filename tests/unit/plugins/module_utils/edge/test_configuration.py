from __future__ import annotations

from ansible_collections.echobase.platform.plugins.module_utils.edge.configuration import Changes, EdgeFile, digest_of
from ansible_collections.echobase.platform.plugins.module_utils.edge.servers import EdgeStep


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
