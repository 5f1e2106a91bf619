from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.backups.restorable import Restorable
from ansible_collections.echobase.platform.plugins.module_utils.colours.claim import REMOVED, REPLACED, Claim, ColourClaims
from ansible_collections.echobase.platform.plugins.module_utils.environment.external_database import ExternalDatabase
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import environment
from ansible_collections.echobase.platform.plugins.module_utils.host.process_identity import ProcessIdentity
from ansible_collections.echobase.platform.plugins.module_utils.images.age import ImageAge
from ansible_collections.echobase.platform.plugins.module_utils.lease.lease import Lease
from ansible_collections.echobase.platform.plugins.module_utils.lease.release_lease import ReleaseLease
from ansible_collections.echobase.platform.plugins.module_utils.replica.state import ReplicaState
from ansible_collections.echobase.platform.plugins.module_utils.restore.journal import ChangeStep, GenerationChange, Kind
from ansible_collections.echobase.platform.plugins.module_utils.status.cache import CacheState
from ansible_collections.echobase.platform.plugins.module_utils.status.readings import Readings
from ansible_collections.echobase.platform.plugins.module_utils.status.screen import Backups, DatabaseState, StatusScreen, Work

DATABASE = DatabaseState("11.8.6", "TLS_AES_256_GCM_SHA384")
SWITCHED = [
    {"at": "2026-11-21T12:00:02Z", "event": "removed", "colour": "green", "release": "1.0.0-aa", "by": "ann"},
    {"at": "2026-11-21T12:00:01Z", "event": "rolled_back", "colour": "blue", "release": "1.0.0-aa", "by": "ann"},
    {"at": "2026-11-21T12:00:00Z", "event": "promoted", "colour": "green", "release": "1.1.0-bb", "by": "ann"},
]


def colour(**changes: Any) -> dict[str, Any]:
    container = {"name": "x", "state": "running", "health": "healthy"}
    return {
        "services": list("abcd"),
        "containers": [container] * 4,
        "ready": True,
        "problem": "",
        "version": "1.0.0",
        "release": "1.0.0-aa",
    } | changes


def traffic(**changes: Any) -> dict[str, Any]:
    return {
        "weights": {"blue": 100, "green": 0},
        "generation": 7,
        "live": ["blue"],
        "candidate": "",
        "stable": "blue",
        "maintenance": False,
        "undecided": {},
        "table": {"readable": True, "problem": ""},
        "edge": {"ready": True, "problem": ""},
        "colours": {"blue": colour(), "green": colour(containers=[], ready=False)},
    } | changes


def screen(env: str = "devlocal", **changes: Any) -> StatusScreen:
    return StatusScreen(environment(env), traffic(**changes), DATABASE, SWITCHED, edge_parts={"sockets": "", "desk": ""})


def test_when_all_is_well_nothing_is_said_beyond_it() -> None:
    lines = screen().lines(with_hints=False)
    assert lines[0] == "TRAFFIC   blue 100 % (generation 7)"
    assert lines[1] == ""
    assert "EDGE      ready" in lines
    assert not [line for line in lines if line.startswith(("CANARY", "UNDECIDED", "TROUBLE", "REPAIR"))]
    assert screen().is_well


def test_a_canary_names_the_candidate_and_who_stands_in_for_it() -> None:
    one = screen(
        weights={"blue": 80, "green": 20}, live=["blue", "green"], candidate="green", colours={"blue": colour(), "green": colour()}
    )
    assert one.lines(with_hints=False)[:2] == [
        "TRAFFIC   blue 80 %, green 20 % (generation 7)",
        "CANARY    green is tried with 20 %, blue answers in its place where it fails",
    ]
    assert one.is_well


def test_dead_letters_are_counted_once_and_where_to_see_them_is_said() -> None:
    one = screen(colours={"blue": colour(dead_letters=2), "green": colour(dead_letters=2)})
    assert "LETTERS   2 dead: `playbooks/dead_letters.yml` shows them" in one.lines(with_hints=False)
    assert one.is_well
    silent = screen(colours={"blue": colour(dead_letters=0), "green": colour(dead_letters=None)})
    assert not [line for line in silent.lines(with_hints=False) if line.startswith("LETTERS")]


def test_maintenance_is_loud_and_says_how_it_ends() -> None:
    one = screen(maintenance=True)
    assert one.lines(with_hints=False)[:2] == [
        "TRAFFIC   MAINTENANCE: every customer sees the maintenance page (generation 7)",
        "          `playbooks/maintenance.yml -e maintenance=off` brings back blue 100 %",
    ]
    assert not one.is_well


def test_an_undecided_switch_of_several_edges_is_shown() -> None:
    one = screen(undecided={"generation": 8, "weights": {"blue": 0, "green": 100}, "edges": ["edge1", "edge2"]})
    assert one.lines(with_hints=False)[1].startswith("UNDECIDED generation 8 (green 100 %) of edges edge1, edge2: ")
    assert not one.is_well


def test_a_broken_table_comes_with_the_line_that_repairs_it() -> None:
    broken = {"readable": False, "problem": "the routing table is broken: current leads to 'x' - say where traffic belongs"}
    one = screen(table=broken, live=[], generation=0, weights={"blue": 0, "green": 0})
    assert one.lines(with_hints=False)[:2] == [
        "TRAFFIC   UNKNOWN: the routing table is broken: current leads to 'x'",
        "REPAIR    `playbooks/switch.yml -e switch_to=blue -e switch_repair=true`    blue is what the ledger told last",
    ]
    assert not one.is_well
    without_ledger = StatusScreen(environment("devlocal"), traffic(table=broken), DATABASE)
    assert "switch_to=<colour> -e switch_repair=true`    blue or green" in without_ledger.lines(with_hints=False)[1]


def test_who_is_at_work_is_shown_and_what_was_cut_off_comes_with_what_to_type() -> None:
    lease = Lease(7, "run", "kim", "deploy", ProcessIdentity("machine", "laptop", 4711, 1), "2026-11-28T01:02:03+00:00")
    claims = [
        Claim("green", REPLACED, "0.2.0", 6, "2026-11-28T01:00:00+00:00", "deploy of ann@laptop"),
        Claim("blue", REMOVED, "0.1.0", 5, "2026-11-28T00:00:00+00:00", "cleanup of ann@laptop"),
    ]
    lines = StatusScreen(environment("ci"), traffic(), DATABASE, work=Work(lease, claims)).lines(with_hints=False)
    assert lines[1:4] == [
        "LEASE     deploy by kim@laptop (process 4711) since 01:02:03 UTC",
        "CUT OFF   green was being replaced by deploy of ann@laptop: `playbooks/deploy.yml` goes on",
        "CUT OFF   blue was being removed by cleanup of ann@laptop: `playbooks/cleanup.yml` goes on",
    ]


def test_a_working_tree_is_named_and_one_that_nobody_watches_can_be_put_away() -> None:
    shown = traffic(colours={"blue": colour(), "green": colour(working_tree=True)})
    lease = Lease(3, "run", "kim", "watch", ProcessIdentity("boot", "laptop", 4711, 1), "2026-11-28T01:02:03.000+00:00", "")
    watched = StatusScreen(environment("devlocal"), shown, DATABASE, work=Work(lease, [])).lines(with_hints=False)
    assert "WATCH     green shows the working tree" in watched
    cut_off = StatusScreen(environment("devlocal"), shown, DATABASE).lines(with_hints=False)
    assert "WATCH     green shows the working tree, and nobody watches: `playbooks/watch.yml` puts it away" in cut_off


def test_whoever_has_ended_is_not_at_work_and_what_is_under_way_is_not_cut_off(tmp_path: Path) -> None:
    env = environment("test", str(tmp_path))
    lease, claims = ReleaseLease(env), ColourClaims(env)
    number = lease.take(Lease(0, "run", "kim", "deploy", ProcessIdentity.of(os.getpid()))).number
    claims.make(Claim("green", REPLACED, "0.2.0", number, "2026-11-28T01:00:00+00:00", "deploy of kim@laptop"))
    now = datetime.now(UTC)
    assert Work.on(env, now, Readings()) == Work(lease.read(), [])
    lease.take(Lease(0, "other", "kim", "rollback", ProcessIdentity("another machine", "laptop", 1, 1)))
    assert Work.on(env, now + timedelta(minutes=5), Readings()) == Work(None, claims.all())


@pytest.mark.parametrize("content", ["{torn", "[]", '{"number": 1}'])
def test_what_is_damaged_is_told_and_all_the_rest_is_shown(tmp_path: Path, content: str) -> None:
    env, readings = environment("test", str(tmp_path)), Readings()
    claims = ColourClaims(env)
    claims.make(Claim("green", REPLACED, "0.2.0", 3, "2026-11-28T01:00:00+00:00", "deploy of kim@laptop"))
    for name in ("lease.json", "journal/blue.json"):
        Path(env.path(name)).write_text(content)
    work = Work.on(env, datetime.now(UTC), readings)
    assert (work.lease, [claim.colour for claim in work.unfinished]) == (None, ["green"])
    one = StatusScreen(env, traffic(), DATABASE, work=work, unreadable=readings.problems)
    lines = one.lines(with_hints=False)
    damaged = [line for line in lines if line.startswith("DAMAGED ")]
    assert [line.partition(" cannot be understood (")[0] for line in damaged] == [
        f"DAMAGED   {env.path('lease.json')}",
        f"DAMAGED   {env.path('journal/blue.json')}",
    ]
    assert damaged[0].endswith(" - make sure that nobody is at work on this environment, then remove that file")
    assert damaged[1].endswith(" - deploy blue again, which writes it anew: `playbooks/deploy.yml`")
    assert [line for line in lines if line.startswith("CUT OFF   green")]
    assert [line for line in lines if line.startswith("DATABASE  MariaDB")]
    assert not one.is_well


def test_a_missing_desk_and_missing_sockets_are_named() -> None:
    parts = {"sockets": "", "desk": "echobase-devlocal-edge-desk is exited"}
    one = StatusScreen(environment("devlocal"), traffic(), DATABASE, edge_parts=parts)
    lines = one.lines(with_hints=False)
    assert lines[lines.index("EDGE      ready") + 1] == "          NOT READY: echobase-devlocal-edge-desk is exited"
    assert not one.is_well


def test_recent_troubles_are_shown_and_do_not_make_it_ill() -> None:
    one = StatusScreen(environment("devlocal"), traffic(), DATABASE, edge_troubles=["12 colour-away", "3 replayed from green"])
    assert "TROUBLE   in the last 10 minutes at the edge: 12 colour-away, 3 replayed from green" in one.lines(with_hints=False)
    assert one.is_well


def test_it_says_how_old_the_packages_are_and_how_to_have_newer_ones() -> None:
    today = datetime.now(UTC).date()
    ages = [ImageAge(today - timedelta(days=6), "mariadb"), ImageAge(today - timedelta(days=6), "nginx"), ImageAge(today, "backend")]
    lines = replace(screen(), image_ages=ages).lines(with_hints=False)
    assert f"PACKAGES  6 days old ({today - timedelta(days=6)}): mariadb, nginx; of today ({today}): backend" in lines
    assert not [line for line in lines if "refresh_images" in line]
    old = replace(screen("ci"), image_ages=[ImageAge(today - timedelta(days=31), "nginx")])
    lines = old.lines(with_hints=False)
    at = lines.index(f"PACKAGES  31 days old ({today - timedelta(days=31)}): nginx")
    assert lines[at + 1] == "          `playbooks/refresh_images.yml` builds the images with today's"
    assert old.is_well


def test_hints_say_what_to_type_next() -> None:
    hints = [line for line in screen().lines(with_hints=True) if "playbooks/" in line]
    assert hints == [
        "NEXT      `playbooks/deploy.yml`      a candidate beside the live colour",
        "          `playbooks/promote.yml`     traffic moves to it",
        "          `playbooks/rollback.yml`    and back",
    ]


NOW = datetime(2026, 3, 1, 12, 31, 6, tzinfo=UTC)
PROVED = Restorable(NOW - timedelta(seconds=1), "20260301-090000F", NOW - timedelta(hours=3))


def with_backups(restorable: Restorable, change: GenerationChange | None = None) -> StatusScreen:
    return replace(screen(), database=replace(DATABASE, backups=Backups(restorable, change, NOW)))


def test_it_says_up_to_when_the_database_can_be_restored() -> None:
    one = with_backups(PROVED)
    assert "          restorable as of 12:31:05 (proved 3 h ago by 20260301-090000F)" in one.lines(with_hints=False)
    assert one.is_well


@pytest.mark.parametrize(
    ("restorable", "line"),
    [
        (Restorable(None, problem="no backup was restored yet"), "          NOT RESTORABLE: no backup was restored yet"),
        (
            replace(PROVED, problem="taking it failed: no space left"),
            "          restorable as of 12:31:05 (proved 3 h ago by 20260301-090000F); TROUBLE: taking it failed: no space left",
        ),
    ],
)
def test_what_cannot_be_restored_for_certain_is_not_well(restorable: Restorable, line: str) -> None:
    one = with_backups(restorable)
    assert line in one.lines(with_hints=False)
    assert not one.is_well


def test_a_restore_that_was_cut_off_says_both_ways_on() -> None:
    cut_off = GenerationChange(Kind.RESTORE, ChangeStep.SWAPPING, "mariadb", NOW, "000002", "000001", to="latest")
    one = with_backups(PROVED, cut_off)
    assert (
        "RESTORE   CUT OFF while swapping, nobody can write: go on with"
        " `playbooks/restore.yml -e restore_to=latest -e restore_confirm=echobase-devlocal-durable-mariadb-data`"
    ) in one.lines(with_hints=False)
    assert not one.is_well
    kept = with_backups(PROVED, cut_off.at(ChangeStep.LIVE))
    assert "RESTORE   to latest: generation 000002 is live, generation 000001 is kept" in kept.lines(with_hints=False)
    assert kept.is_well


def test_a_restore_that_is_built_says_how_to_see_what_it_would_discard() -> None:
    built = GenerationChange(Kind.RESTORE, ChangeStep.BUILT, "mariadb", NOW, "000002", "000001", to="latest")
    assert (
        "RESTORE   to latest: generation 000002 is built and does not serve yet: go on with `playbooks/restore.yml -e restore_to=latest`"
    ) in with_backups(PROVED, built).lines(with_hints=False)


def with_replica(state: ReplicaState) -> StatusScreen:
    return replace(screen(), database=replace(DATABASE, replica=state))


def test_a_replica_tells_how_far_it_is_behind() -> None:
    follows = with_replica(ReplicaState("running", follows=True, lag_seconds=2, lag_transactions=17))
    assert "REPLICA   follows, 17 transactions (2 s) behind" in follows.lines(with_hints=False)
    assert follows.is_well
    assert "REPLICA   follows, 4096 bytes (0 s) behind" in with_replica(
        ReplicaState("running", follows=True, lag_seconds=0, lag_bytes=4096)
    ).lines(with_hints=False)


def test_a_replica_that_does_not_follow_is_loud() -> None:
    broken = with_replica(ReplicaState("running", problem="x-replica is not sent the log: no route"))
    assert "REPLICA   x-replica is not sent the log: no route" in broken.lines(with_hints=False)
    assert not broken.is_well


def test_a_promotion_that_was_cut_off_says_both_ways_on() -> None:
    cut_off = GenerationChange(Kind.PROMOTION, ChangeStep.PROMOTING, "mariadb", NOW, "000002", "000001")
    one = with_backups(PROVED, cut_off)
    assert "PROMOTION CUT OFF while promoting, nobody can write: go on with `playbooks/promote_replica.yml`" in one.lines(with_hints=False)
    assert not one.is_well
    kept = with_backups(PROVED, cut_off.at(ChangeStep.LIVE))
    assert "PROMOTION of the replica: generation 000002 is live, generation 000001 is kept" in kept.lines(with_hints=False)


def test_an_upgrade_that_was_cut_off_says_both_ways_on() -> None:
    cut_off = GenerationChange(Kind.UPGRADE, ChangeStep.CLOSING, "postgresql", NOW, "000002", "000001", to="postgresql 17")
    lines = with_backups(PROVED, cut_off).lines(with_hints=False)
    assert "UPGRADE   CUT OFF while closing, nobody can write: go on with `playbooks/upgrade.yml`" in lines
    assert "          or back with `playbooks/upgrade.yml -e upgrade_state=abandoned`" in lines


def test_a_change_of_the_key_that_was_cut_off_says_both_ways_on() -> None:
    lines = with_backups(PROVED, GenerationChange(Kind.NEW_KEY, ChangeStep.COPYING, "mariadb", NOW, "000002", "000001")).lines(
        with_hints=False
    )
    assert (
        "NEW KEY   CUT OFF while copying, nobody can write: go on with `playbooks/rotate_secrets.yml -e rotate=db_encryption_key`" in lines
    )
    assert "          or back with `playbooks/restore.yml -e restore_state=abandoned`" in lines


def test_a_password_that_is_not_valid_any_more_is_not_promised() -> None:
    def line(operator: str) -> str:
        one = StatusScreen(environment("devlocal"), traffic(), DATABASE, operator=operator)
        return next(line for line in one.lines(with_hints=False) if line.startswith("OPERATORS"))

    assert line("kept").endswith("  user operator, password in /var/lib/echobase/devlocal/secrets/operator_password")
    for state in ("replaced", "removed"):
        assert line(state).endswith(f"/secrets/desk/operators.htpasswd; somebody {state} the line of user operator")


def test_the_cache_has_a_line_of_its_own_where_there_is_one() -> None:
    assert not [line for line in screen().lines(with_hints=False) if line.startswith("CACHE")]
    away = replace(screen(), cache=CacheState("CACHE     NOT READY: port 6379: Connection refused", is_ready=False))
    assert "CACHE     NOT READY: port 6379: Connection refused" in away.lines(with_hints=False)
    assert not away.is_well
    assert replace(screen(), cache=CacheState("CACHE     Redis 8.0.2 ready", is_ready=True)).is_well


def test_a_database_of_somebody_elses_is_said_to_be_theirs() -> None:
    theirs = ExternalDatabase("postgresql", "db.example.com", 25060, "shop", "shop_app", "shop_migrate", "ca.crt")
    it = DatabaseState("17.5", "TLS_AES_256_GCM_SHA384", engine="postgresql", external=theirs)
    one = replace(screen(), database=it)
    lines = one.lines(with_hints=False)
    assert "DATABASE  PostgreSQL 17.5 ready, external, at db.example.com:25060, TLS verified, TLS_AES_256_GCM_SHA384" in lines
    assert "          backups, restore and upgrades are its owner's; nobody here knows to when it could be restored" in lines
    assert not [line for line in lines if "RESTORABLE" in line or "volume" in line]
    assert one.is_well
    away = replace(one, database=replace(it, problem="db.example.com:25060 cannot be reached: timed out"))
    assert "DATABASE  NOT READY: db.example.com:25060 cannot be reached: timed out (external, at db.example.com:25060)" in away.lines(False)
    assert not away.is_well
