from __future__ import annotations

from ansible_collections.echobase.platform.plugins.module_utils.database.drift import differences


def test_what_is_the_same_is_not_told() -> None:
    assert differences({"image": "a", "my.cnf": {"port": "1"}}, {"my.cnf": {"port": "1"}, "image": "a"}) == []


def test_what_differs_is_told_in_words() -> None:
    before = {"image": "a", "mem_limit": "1g", "cap_drop": ["ALL"], "my.cnf": {"max_connections": "200", "old": "x"}}
    after = {"image": "a", "mem_limit": "2g", "cap_drop": [], "my.cnf": {"max_connections": "300", "new": "y"}}
    assert differences(before, after) == [
        "mem_limit: 1g -> 2g",
        'cap_drop: ["ALL"] -> []',
        "my.cnf.max_connections: 200 -> 300",
        "my.cnf.old: x -> nothing",
        "my.cnf.new: nothing -> y",
    ]


def test_of_mounts_only_those_that_differ_are_told() -> None:
    before = {"volumes": [{"source": "data", "target": "/var/lib/mysql"}, {"source": "/old", "target": "/run/tls", "read_only": True}]}
    after = {"volumes": [{"source": "data", "target": "/var/lib/mysql"}, {"source": "/mnt", "target": "/backups"}]}
    assert differences(before, after) == ["volumes /run/tls: /old -> nothing", "volumes /backups: nothing -> /mnt"]
