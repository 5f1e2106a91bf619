from __future__ import annotations

from ansible_collections.echobase.platform.plugins.module_utils.edge_configuration import EdgeFile, Plan, operator_session_map


def test_only_what_nginx_reads_when_it_loads_asks_for_a_reload() -> None:
    read = {
        name: EdgeFile(name, "").is_read_when_loading for name in ("edge/nginx.conf", "secrets/edge/operator_session.conf", "edge/ca.crt")
    }
    assert all(read.values())
    assert not any(EdgeFile(name, "").is_read_when_loading for name in ("edge/pages/nothing-live.html", "compose/edge.yml"))


def test_a_plan_lists_its_steps() -> None:
    plan = Plan([EdgeFile("edge/nginx.conf", "")], loads=True, reloads=True, lays_table=True)
    assert plan.steps == ["write edge/nginx.conf", "reload the running edge gracefully", "lay the empty routing table"]
    assert plan.changes
    assert not Plan([], loads=False, reloads=False, lays_table=False).changes


def test_a_session_opens_the_realm() -> None:
    assert operator_session_map("echobase_test_operator", "abc").splitlines()[:3] == [
        "map $cookie_echobase_test_operator $operator_realm {",
        '    "abc" off;',
        '    default "echobase operators";',
    ]
