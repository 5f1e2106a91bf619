"""Role cache and module durable_cache on the real engine with a real Redis, in environment test."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker import DockerClient

from ansible_collections.echobase.platform.plugins.module_utils.cache.accounts import ADMIN_USER, MONITOR_USER
from ansible_collections.echobase.platform.plugins.module_utils.cache.connection import (
    AccessDeniedError,
    CacheConnection,
    NotAnsweringError,
)
from ansible_collections.echobase.platform.plugins.module_utils.environment.inside import AUTHORITY_FILE
from harness.cache_under_test import CacheUnderTest
from harness.database_under_test import succeeded
from harness.images_under_test import image_tag
from harness.waiting import eventually

MIB = 1 << 20


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory, engine_client: DockerClient) -> Iterator[CacheUnderTest]:
    cache = CacheUnderTest(tmp_path_factory.mktemp("home"), engine_client)
    assert not cache.inspect(), "environment test is up: take it down first"
    cache.prepare()
    try:
        predicted = cache.run("--check", "--diff")
        assert (predicted.changed, predicted.failed) == (1, 0), predicted.output
        assert not cache.inspect()
        first = cache.run()
        assert (first.changed, first.failed) == (1, 0), first.output
        yield cache
    finally:
        cache.remove()


@pytest.fixture
def running(cache: CacheUnderTest) -> CacheUnderTest:
    """Each test leaves it running; one that failed may not have."""
    try:
        cache.ask("PING")
    except (AccessDeniedError, NotAnsweringError):
        succeeded(cache.ensure())
    return cache


def test_a_second_run_changes_nothing(running: CacheUnderTest) -> None:
    again = running.run()
    assert (again.changed, again.failed) == (0, 0), again.output
    for check in (True, False):
        answer = running.ensure(check=check)
        assert (answer["changed"], answer["steps"], answer["ready"]) == (False, [], True)
        assert answer["version"].startswith("8.")


def test_the_container_can_do_little_and_tells_no_secret(running: CacheUnderTest) -> None:
    found = running.inspect()
    host, config = found["HostConfig"], found["Config"]
    assert (host["ReadonlyRootfs"], host["CapDrop"], host["CapAdd"]) == (True, ["ALL"], None)
    assert (host["SecurityOpt"], host["RestartPolicy"]["Name"]) == (["no-new-privileges:true"], "unless-stopped")
    assert (host["Memory"], host["PidsLimit"], config["StopTimeout"], config["User"]) == (320 * MIB, 64, 60, "999:999")
    assert found["NetworkSettings"]["Ports"] == {"6379/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(running.cache.port)}]}
    assert found["NetworkSettings"]["Networks"][running.env.durable_network.name]["IPAddress"] == running.cache.address
    writable = {mount["Destination"]: mount["RW"] for mount in found["Mounts"]}
    assert writable == {"/data": True, "/run/secrets": False, "/run/tls": False, AUTHORITY_FILE: False}
    shown = str(found) + running.log + str(running.docker.api.top(running.cache.container))
    secrets = [Path(running.env.path("secrets", *name)).read_text() for name in (("app", "cache_password"), ("cache", "admin_password"))]
    assert not [secret for secret in secrets if secret in shown]


def test_it_speaks_tls_alone_and_lets_nobody_in_without_a_password(running: CacheUnderTest) -> None:
    where = ("127.0.0.1", running.cache.port)
    with socket.create_connection(where, timeout=5) as plain:
        plain.sendall(b"PING\r\n")
        with pytest.raises((AssertionError, OSError)):
            assert b"PONG" in plain.recv(100)
    context = ssl.create_default_context(cafile=running.env.path("tls", "ca.crt"))
    with context.wrap_socket(socket.create_connection(where, timeout=5), server_hostname="localhost") as nobody:
        nobody.sendall(b"PING\r\n")
        assert nobody.recv(100).startswith(b"-NOAUTH")
    right = running.application()
    for user, file in ((running.env.database_user, "monitor_password"), ("default", "admin_password")):
        path = Path(running.env.path("secrets", "cache", file))
        with pytest.raises(AccessDeniedError, match="WRONGPASS"), CacheConnection(*where, user, path, right.authority_file):
            pass


def test_a_colour_reaches_it_by_its_name(running: CacheUnderTest) -> None:
    ask = (
        "import socket, ssl; context = ssl.create_default_context(cafile='/ca.crt');"
        f" name = '{running.cache.tls_name}';"
        " tls = context.wrap_socket(socket.create_connection((name, 6379), 5), server_hostname=name);"
        " tls.sendall(b'PING\\r\\n'); print(tls.recv(100))"
    )
    mount = f"--volume={running.env.path('tls', 'ca.crt')}:/ca.crt:ro"
    command = ["docker", "run", "--rm", f"--network={running.env.durable_network.name}", mount, image_tag("backend"), "python", "-c", ask]
    assert "NOAUTH" in subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_the_application_cannot_harm_others(running: CacheUnderTest) -> None:
    with running.application() as connection:
        for words in ("KEYS *", "FLUSHALL", "FLUSHDB", "CONFIG GET *", "CLIENT LIST", "ACL LIST", "MONITOR", "SHUTDOWN", "SAVE"):
            with pytest.raises(AccessDeniedError, match="NOPERM"):
                connection.ask(*words.split())


def test_the_application_can_do_what_applications_do(running: CacheUnderTest) -> None:
    with running.application() as connection:
        assert connection.ask("SET", "session:1", "anna", "EX", "60") == "OK"
        assert connection.ask("GET", "session:1") == "anna"
        assert connection.ask("EVAL", "return redis.call('incr', KEYS[1])", "1", "rate:1") == 1
        assert connection.ask("PUBLISH", "news", "hello") == 0
        assert connection.ask("MULTI") == "OK"
        assert connection.ask("EXPIRE", "rate:1", "60") == "QUEUED"
        assert connection.ask("EXEC") == [1]
        assert connection.ask("CLIENT", "SETNAME", "gateway") == "OK"


def test_the_monitor_sees_numbers_and_no_content(running: CacheUnderTest) -> None:
    running.ask("SET", "session:2", "bert", "EX", "60")
    with running.user(MONITOR_USER) as monitor:
        assert int(monitor.info()["used_memory"]) > 0
        for words in (("GET", "session:2"), ("SCAN", "0"), ("SLOWLOG", "GET"), ("SET", "x", "y")):
            with pytest.raises(AccessDeniedError, match="NOPERM"):
                monitor.ask(*words)


def test_other_passwords_are_taken_over_without_an_interruption(running: CacheUnderTest) -> None:
    before = running.started
    with running.application() as connected:
        running.renew("cache_app_password", "cache_monitor_password")
        assert running.reach("reloaded", check=True)["steps"] == ["load accounts"]
        assert running.reach("reloaded")["steps"] == ["load accounts"]
        assert running.reach("reloaded")["changed"] is False
        assert connected.ask("PING") == "PONG"
        assert running.ask("PING") == "PONG"
    # Also where nobody says so: a set-up alone does it.
    running.renew("cache_app_password")
    with pytest.raises(AccessDeniedError):
        running.ask("PING")
    assert running.ensure()["steps"] == ["load accounts"]
    assert running.ask("PING") == "PONG"
    assert running.started == before


def test_another_certificate_is_taken_over_without_an_interruption(running: CacheUnderTest) -> None:
    before = running.started
    for file in Path(running.env.path("tls", "redis")).iterdir():
        file.unlink()
    running.prepare()
    assert running.ensure(check=True)["steps"] == ["load certificate"]
    assert running.ensure()["steps"] == ["load certificate"]
    assert running.ensure()["changed"] is False
    assert running.started == before


def test_what_cannot_be_done_is_refused_in_one_line(running: CacheUnderTest) -> None:
    wrong = running.reach("absent", confirm="echobase-devlocal-durable-redis-data")
    assert wrong["msg"].startswith(f"cache_confirm is 'echobase-devlocal-durable-redis-data', the volume is {running.cache.volume}")
    file = Path(running.env.path("secrets", "cache", "users.acl"))
    hidden = file.rename(file.with_suffix(".away"))
    try:
        assert running.ensure()["msg"].startswith(f"the cache cannot run without: {file} - run `playbooks/setup_durable.yml`")
    finally:
        hidden.rename(file)
    assert running.ensure()["changed"] is False


@pytest.mark.long
def test_nothing_is_lost_by_a_stop_a_kill_or_a_teardown(running: CacheUnderTest) -> None:
    # A stop writes what came in the last moment.
    running.ask("SET", "kept", "by a stop")
    running.docker.api.stop(running.cache.container)
    assert running.ensure(check=True)["steps"] == [f"start {running.cache.container}"]
    assert running.ensure()["steps"] == [f"start {running.cache.container}"]
    assert running.ask("GET", "kept") == "by a stop"

    # A kill costs the last second at most; the engine starts it again.
    running.ask("SET", "kept", "by a kill")
    with running.user(ADMIN_USER) as admin:
        eventually(lambda: admin.info()["aof_pending_bio_fsync"] == "0", "what was written to be on the disk")
        written = time.monotonic()
        eventually(lambda: time.monotonic() - written > 1.5, "the second to be over")
    started = running.started
    os.kill(running.inspect()["State"]["Pid"], signal.SIGKILL)
    eventually(lambda: running.started != started and running.inspect()["State"]["Running"], "the engine to start it again")
    succeeded(running.ensure())
    assert running.ask("GET", "kept") == "by a kill"

    # Other options make another container at once.
    running.ask("SET", "kept", "by another container")
    other = running.run("--diff", cache_maxmemory="3m")
    assert (other.changed, other.failed) == (1, 0), other.output
    assert running.ask("GET", "kept") == "by another container"
    with pytest.raises(NotAnsweringError, match="OOM"), running.application() as connection:
        for number in range(400):
            connection.ask("SET", f"much:{number}", "x" * 10_000, "EX", "60")
    assert running.ask("GET", "kept") == "by another container"

    # What is in it outlives everything but its own name.
    for check in (True, False):
        assert running.reach("absent", check=check)["steps"] == [f"remove {running.cache.container}", "remove compose/durable-redis.yml"]
    assert running.reach("absent")["changed"] is False
    back = running.run()
    assert (back.changed, back.failed) == (1, 0), back.output
    assert running.ask("GET", "kept") == "by another container"
    text = running.described
    assert f"remove volume {running.cache.volume}" in running.reach("absent", confirm=running.cache.volume)["steps"]
    answer = running.ensure(compose=text)
    assert answer["steps"] == [f"make volume {running.cache.volume}", "write durable-redis.yml", f"make {running.cache.container}"]
    assert running.ask("GET", "kept") is None


@pytest.mark.long
def test_accounts_that_nobody_can_load_are_read_by_a_restart(running: CacheUnderTest) -> None:
    running.ask("SET", "kept", "by a restart")
    running.renew("cache_app_password", "cache_admin_password", "cache_monitor_password")
    assert running.ensure(check=True)["steps"] == ["restart"]
    assert running.ensure()["steps"] == ["restart"]
    assert running.ask("GET", "kept") == "by a restart"
    for file in Path(running.env.path("tls")).rglob("*.*"):
        file.unlink()
    running.prepare()
    assert running.ensure()["steps"] == ["restart"]
    assert running.ensure()["changed"] is False


@pytest.mark.long
def test_what_is_in_the_way_is_named(running: CacheUnderTest) -> None:
    text = running.described
    running.reach("absent")
    with socket.create_server(("127.0.0.1", running.cache.port)):
        told = running.ensure(compose=text)["msg"]
        assert told.startswith(f"the cache's port {running.cache.port} is taken by process")
    running.docker.api.create_container(image_tag("redis"), name=running.cache.container)
    try:
        assert "was not made by echobase: left alone" in running.ensure(compose=text)["msg"]
        assert "was not made by echobase: left alone" in running.reach("absent")["msg"]
    finally:
        running.docker.api.remove_container(running.cache.container, v=True)
    gone = running.ensure(compose=text.replace(image_tag("redis"), "echobase/redis:gone"))["msg"]
    assert "echobase/redis:gone" in gone and "\n" not in gone
    broken = running.ensure(compose=text.replace("- noeviction", "- nonsense"), ready_seconds=3)["msg"]
    assert "does not let app_user in: port" in broken and "nonsense" in broken and "\n" not in broken
    succeeded(running.ensure(compose=text))
