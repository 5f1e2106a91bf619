"""Certificates are accepted by real TLS, renewed for a reason, and belong to whoever reads them."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from harness.module_runner import RunningModule, run_module

FOLDERS = {"edge": 101, "desk": 10001, "db": 999, "redis": 999, "observability": 10002, "blue": 10001, "green": 10001}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def public_home() -> Iterator[Path]:
    """Where every account can get at it, as it can at /var/lib/echobase; a folder of pytest's is closed itself."""
    with tempfile.TemporaryDirectory(prefix="echobase-test-", dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def succeeds_as(uid: int, *command: str) -> bool:
    return subprocess.run(command, user=uid, group=uid, extra_groups=[], capture_output=True, check=False).returncode == 0


def run(home: Path, check: bool = False) -> dict[str, Any]:
    return run_module("certificates", {"environment": "test", "home": str(home)}, check=check)


def handshake(tls: Path, folder: str, name: str) -> None:
    """A server with the leaf and a client that trusts nothing but the environment's authority."""
    server_context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server_context.load_cert_chain(tls / folder / "tls.crt", tls / folder / "tls.key")
    client_context = ssl.create_default_context(cafile=str(tls / "ca.crt"))
    client_context.verify_flags |= ssl.VERIFY_X509_STRICT
    server_side, client_side = socket.socketpair()

    def serve() -> None:
        # A client that does not trust the certificate says so here too.
        with suppress(ssl.SSLError), server_side, server_context.wrap_socket(server_side, server_side=True) as connection:
            connection.recv(1)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    with client_side, client_context.wrap_socket(client_side, server_hostname=name) as connection:
        connection.send(b".")
    thread.join(timeout=10)


def test_twice_check_and_diff(home: Path) -> None:
    predicted = run(home, check=True)
    assert predicted["changed"]
    assert not home.exists()
    first = run(home)
    assert first["changed"]
    assert first["diff"] == predicted["diff"]
    assert first["renewed"] == predicted["renewed"] == dict.fromkeys(["ca", *FOLDERS], "missing")
    again = run(home)
    assert not again["changed"]
    assert again["diff"] == {"before": "", "after": ""}
    assert again["ca_file"] == str(home / "test/tls/ca.crt")
    assert again["public_ca_file"] == str(home / "test-ca.crt")


def test_files_belong_to_their_readers(home: Path) -> None:
    run(home)
    tls = home / "test/tls"
    for folder, uid in FOLDERS.items():
        key = (tls / folder / "tls.key").stat()
        assert (key.st_uid, key.st_gid) == (uid, uid)
        assert key.st_mode & 0o777 == (0o440 if folder in ("blue", "green") else 0o400)
    assert (tls / "ca.crt").stat().st_mode & 0o777 == 0o644
    assert (tls / "ca.key").stat().st_mode & 0o777 == 0o600


def test_a_host_account_with_a_containers_user_id_gets_at_nothing(public_home: Path) -> None:
    run(public_home)
    home = public_home / "test"
    backups = home / "backups/mariadb"
    backups.mkdir(parents=True)
    shutil.chown(backups, 999, 999)
    # As a deployment of before is: whoever owns a file can read it.
    home.chmod(0o755)
    assert succeeds_as(101, "cat", str(home / "tls/edge/tls.key"))
    assert succeeds_as(999, "touch", str(backups / "forged"))

    predicted = run(public_home, check=True)
    closed = run(public_home)
    assert closed["diff"] == predicted["diff"] == {"before": f"{home}: other accounts can enter it\n", "after": f"{home}: as wanted\n"}
    assert closed["renewed"] == {}
    assert not run(public_home)["changed"]
    for folder, uid in FOLDERS.items():
        assert not succeeds_as(uid, "cat", str(home / "tls" / folder / "tls.key"))
    assert not succeeds_as(999, "touch", str(backups / "forged again"))
    assert succeeds_as(65534, "cat", closed["public_ca_file"])
    assert Path(closed["public_ca_file"]).read_bytes() == (home / "tls/ca.crt").read_bytes()


def test_clients_trust_every_name(home: Path) -> None:
    run(home)
    for folder, names in {
        "edge": ["localhost", "127.0.0.1", "::1"],
        "desk": ["desk.echobase.internal", "localhost"],
        "db": ["echobase-test-durable-mariadb", "mariadb", "localhost"],
        "redis": ["redis.echobase.internal", "localhost"],
        "blue": ["blue.echobase.internal", "127.0.0.1"],
        "green": ["green.echobase.internal", "localhost"],
    }.items():
        for name in names:
            handshake(home / "test/tls", folder, name)


def test_one_colour_cannot_pose_as_the_other(home: Path) -> None:
    run(home)
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(home / "test/tls", "blue", "green.echobase.internal")


def test_harm_is_mended_for_a_shown_reason(home: Path) -> None:
    run(home)
    tls = home / "test/tls"
    untouched = (tls / "blue/tls.crt").read_bytes()
    (tls / "db/tls.crt").write_text("garbage")
    (tls / "edge/tls.key").chmod(0o644)
    predicted = run(home, check=True)
    mended = run(home)
    assert predicted["renewed"] == mended["renewed"] == {"edge": "tls.key is 0644 101:101", "db": "unreadable"}
    assert mended["diff"]["before"] == "edge: tls.key is 0644 101:101\ndb: unreadable\n"
    assert (tls / "blue/tls.crt").read_bytes() == untouched
    assert not run(home)["changed"]
    handshake(tls, "db", "mariadb")


def test_a_lost_authority_renews_everything(home: Path) -> None:
    run(home)
    (home / "test/tls/ca.key").unlink()
    foreign = dict.fromkeys(FOLDERS, "signed by another authority")
    assert run(home)["renewed"] == {"ca": "missing"} | foreign
    assert not run(home)["changed"]


def test_two_runs_at_once_agree(home: Path) -> None:
    runs = [RunningModule("certificates", {"environment": "test", "home": str(home)}) for _ in range(2)]
    assert not [answer["msg"] for answer in (run.answer() for run in runs) if answer.get("failed")]
    assert not run(home)["changed"]
    handshake(home / "test/tls", "edge", "localhost")


def test_unknown_environment_is_one_line(home: Path) -> None:
    answer = run_module("certificates", {"environment": "prod", "home": str(home)})
    assert answer["failed"]
    assert answer["msg"].startswith("unknown environment 'prod' - choose one of devlocal, ci, test, or add a line such as")
