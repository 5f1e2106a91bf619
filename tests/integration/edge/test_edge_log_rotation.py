"""The access log is rotated under load: no line is lost, no request fails, and the metrics count each of them once."""

from __future__ import annotations

import concurrent.futures
import os
import re
import subprocess
import threading
from pathlib import Path

import httpx

from ansible_collections.echobase.platform.plugins.module_utils.edge.log_folder import EdgeLogFolder
from ansible_collections.echobase.platform.plugins.module_utils.environment.inside import APPLICATION
from harness.edge_fixtures import blue_is_live, colours, customer, customer_of, edge  # noqa: F401 - fixtures
from harness.edge_under_test import EdgeUnderTest
from harness.raw_http1 import RawConnection
from harness.raw_http2 import RawHttp2
from harness.waiting import eventually
from operators_desk.edge_metrics import EdgeMetrics

EDGE_PLACE = ("rotation", 30473, "127.68")
LIMIT = 100_000
ASKERS = 4


def rotate(edge: EdgeUnderTest, limit: int) -> None:  # noqa: F811
    subprocess.run(["docker", "exec", edge.container, "edge-rotate-log", str(limit)], check=True)


def log_files(edge: EdgeUnderTest) -> list[Path]:  # noqa: F811
    return sorted((edge.home / "edge-log").glob("access.log*"))


def lines_of(files: list[Path]) -> list[str]:
    return [line for file in files for line in file.read_text().splitlines()]


def nginx_processes(edge: EdgeUnderTest) -> list[str]:  # noqa: F811
    listing = subprocess.run(["docker", "top", edge.container, "-eo", "pid,args"], check=True, capture_output=True, text=True).stdout
    return sorted(line.split()[0] for line in listing.splitlines() if "nginx: " in line)


def counted(metrics: EdgeMetrics) -> int:
    found = re.findall(r'^echobase_edge_requests_total{entrance="public",colour="blue",status_class="2xx"} (\d+)$', metrics.render(), re.M)
    return int(found[0]) if found else 0


def test_rotation_under_load_loses_no_line_and_no_request(edge: EdgeUnderTest) -> None:  # noqa: F811
    log = edge.home / "edge-log" / "access.log"
    before = lines_of(log_files(edge))
    processes = nginx_processes(edge)
    metrics = EdgeMetrics(log)
    metrics.start()
    stop = threading.Event()

    def keep_asking() -> list[str]:
        trace_ids = []
        with customer_of(edge) as client:
            while not stop.is_set():
                answer = client.post("/api/orders", content="x")
                assert answer.status_code == 200
                trace_ids.append(answer.headers["Trace-Id"])
        return trace_ids

    with concurrent.futures.ThreadPoolExecutor(ASKERS) as pool:
        askers = [pool.submit(keep_asking) for _ in range(ASKERS)]
        try:
            # As many as are kept, so that every line can be found.
            for rotations in range(1, 4):
                eventually(lambda: log.exists() and log.stat().st_size > LIMIT, "the log grows")
                rotate(edge, LIMIT)
                assert (edge.home / "edge-log" / f"access.log.{rotations}").exists()
                eventually(log.exists, "nginx opens a new log")
        finally:
            stop.set()
        trace_ids = [trace_id for asker in askers for trace_id in asker.result()]

    def logged() -> list[str]:
        lines = [line for line in lines_of(log_files(edge)) if line not in before]
        return re.findall(r'"trace_id":"([0-9a-f]{32})"', "\n".join(lines))

    # The last lines may stand in an old log: a worker opens the new one a moment after the master has made it.
    eventually(lambda: set(trace_ids) <= set(logged()), "each line is in the log")
    rotate(edge, 10**9)
    assert sorted(logged()) == sorted(trace_ids)
    eventually(lambda: counted(metrics) >= len(trace_ids), "the metrics keep up")
    metrics.count_new_lines()
    assert counted(metrics) == len(trace_ids)
    assert "echobase_edge_log_lines_unparsable_total 0\n" in metrics.render()
    metrics.stop()
    assert nginx_processes(edge) == processes


def test_a_small_log_is_left_alone(edge: EdgeUnderTest, customer: httpx.Client) -> None:  # noqa: F811
    customer.get("/")
    before = [file.stat().st_ino for file in log_files(edge)]
    rotate(edge, 10**9)
    assert [file.stat().st_ino for file in log_files(edge)] == before


def test_no_more_than_three_old_logs_are_kept(edge: EdgeUnderTest, customer: httpx.Client) -> None:  # noqa: F811
    for _ in range(5):
        edge.logged_requests([customer.get("/").headers["Trace-Id"]])
        rotate(edge, 0)
        eventually((edge.home / "edge-log" / "access.log").exists, "nginx opens a new log")
    assert [file.name for file in log_files(edge)] == ["access.log", "access.log.1", "access.log.2", "access.log.3"]


def test_nobody_but_the_desk_reads_a_log(edge: EdgeUnderTest, customer: httpx.Client) -> None:  # noqa: F811
    """The desk by its group, which each new log is given, whether nginx or its workers open it."""
    folder = edge.home / "edge-log"
    for _ in range(2):
        # Asked to open its log, nginx gives it to its workers; what they write then is there, so they may open it.
        edge.logged_requests([customer.get("/").headers["Trace-Id"]])
        rotate(edge, 0)
        eventually((folder / "access.log").exists, "nginx opens a new log")
        edge.logged_requests([customer.get("/").headers["Trace-Id"]])
    assert not EdgeLogFolder(folder).outdated()
    for path in (folder, *log_files(edge)):
        assert (path.stat().st_gid, path.stat().st_mode & 0o027) == (APPLICATION, 0), path
    # Whoever may not even enter the folders above is not asked here.
    door = os.open(folder, os.O_PATH)
    try:
        for account, may in ((APPLICATION, True), (1000, False)):
            command = ["cat", f"/proc/self/fd/{door}/access.log"]
            read = subprocess.run(command, user=account, group=account, extra_groups=(), pass_fds=(door,), capture_output=True, check=False)
            assert (read.returncode == 0, bool(read.stdout)) == (may, may), read.stderr
    finally:
        os.close(door)


def test_a_rotation_that_was_killed_half_way_is_finished_by_the_next_health_check(edge: EdgeUnderTest, customer: httpx.Client) -> None:  # noqa: F811
    log = edge.home / "edge-log" / "access.log"
    log.rename(log.with_suffix(".log.1"))
    trace_id = customer.get("/").headers["Trace-Id"]
    eventually(log.exists, "somebody asks nginx for a new log")
    eventually(lambda: trace_id in "".join(lines_of(log_files(edge))), "each line is in the log")


def test_whatever_clients_write_into_the_log_is_counted(edge: EdgeUnderTest) -> None:  # noqa: F811
    metrics = EdgeMetrics(edge.home / "edge-log" / "access.log")
    paths = [
        b'/"quoted"',
        b"/back\\slash",
        b"/%0a%00",
        b"/\xff\xfe",
        "/é".encode(),
        b'/","status":200,"colour":"green',
        b"/" + b"a" * 4000,
        b"/a b",
    ]
    for path in paths:
        with RawConnection(edge.port, edge.tls_context()) as connection:
            connection.send(b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            assert len(connection.answers()) == 1
    with RawHttp2(edge.port, edge.tls_context()) as connection:
        for _ in range(20):
            connection.h2.reset_stream(
                connection.open([(":method", "GET"), (":scheme", "https"), (":path", "/reset"), (":authority", "localhost")])
            )
        # Its answer says that the edge has read everything before it: who hangs up at once may take unread requests with him.
        last = connection.open([(":method", "GET"), (":scheme", "https"), (":path", "/last"), (":authority", "localhost")])
        assert connection.await_end(last).status is not None

    def all_are_counted() -> bool:
        metrics.count_new_lines()
        return sum(map(int, re.findall(r"^echobase_edge_requests_total{.*} (\d+)$", metrics.render(), re.M))) >= len(paths) + 21

    eventually(all_are_counted, "each line is counted")
    assert "echobase_edge_log_lines_unparsable_total 0\n" in metrics.render()
    assert 'colour="green",status' not in metrics.render()
