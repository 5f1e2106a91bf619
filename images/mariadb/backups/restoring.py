"""Builds a data directory: a full backup, what was added to it, then the log, transaction by transaction, until it is enough."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import pymysql

from backups import batch, binlog, repository
from backups.binlog import Transaction
from backups.clock_steps import ClockSteps
from backups.majors import image_major
from backups.server import Sample
from backups.taking import STREAM
from backups.trouble import Trouble, last_words

_SOCKET = "/tmp/restore.sock"
_ERROR_LOG = Path("/tmp/restore.log")
_PATIENCE_SECONDS = 300.0
_CHUNK = 1 << 20
_FIRST_KEY, _KEY_NOTE = "encryption.keys", "encryption-key"


def restore(order: dict[str, Any]) -> None:
    major = image_major()
    if order["major"] not in ("", major):
        raise Trouble(f"backup {order['name']} is of MariaDB {order['major']}, and {major} serves")
    folder = Path(order["folder"])
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    _unpack(order["streams"][0], folder)
    _prepare(folder)
    added = folder.with_name(f"{folder.name}.added")
    for stream in order["streams"][1:]:
        shutil.rmtree(added, ignore_errors=True)
        added.mkdir(mode=0o700)
        _unpack(stream, added)
        _prepare(folder, f"--incremental-dir={added}")
        shutil.rmtree(added)
    _remember_key(folder)
    for notes in (*folder.glob("mariadb_backup_*"), *folder.glob("xtrabackup_*"), *folder.glob("*.qp"), folder / "backup-my.cnf"):
        notes.unlink(missing_ok=True)
    _replay(folder, order)
    (folder / "major").write_text(f"{major}\n", encoding="ascii")
    subprocess.run(["sync", "--file-system", str(folder)], check=True)


class Until:
    """Decides for each transaction whether it belongs to what should be restored. After the first that does not, none does."""

    def __init__(self, after: int, number: int | None, moment: int | None) -> None:
        self.is_over = False
        self._last = after
        self._number = number
        self._moment = moment
        # The numbers of a transaction that is certainly before the moment, and of one that is certainly after it.
        self._before = 0
        self._after: int | None = None
        self._steps = ClockSteps()

    @property
    def last(self) -> int:
        return self._last

    def learn(self, times: list[Sample]) -> None:
        if self._moment is None:
            return
        self._refuse_named_twice(times)
        for sample in times:
            if self._after is not None:
                return
            if sample.moment > self._moment:
                self._after = sample.last
            else:
                self._before = max(self._before, sample.last)

    def _refuse_named_twice(self, times: list[Sample]) -> None:
        assert self._moment is not None
        for sample in times:
            self._steps.learn(sample.moment)
        if self._steps.came_twice(self._moment):
            raise Trouble("the server's clock was set back after that moment, so it names no one state: choose a mark, or the latest")

    def wants(self, transaction: Transaction) -> bool:
        if self.is_over or transaction.number <= self._last:
            return False
        if self._number is not None:
            self.is_over = transaction.number > self._number
        elif self._moment is not None:
            self.is_over = not self._is_before_moment(transaction)
        if not self.is_over:
            self._last = transaction.number
        return not self.is_over

    def _is_before_moment(self, transaction: Transaction) -> bool:
        assert self._moment is not None
        if transaction.number <= self._before:
            return True
        if self._after is not None and transaction.number > self._after:
            return False
        return transaction.second < self._moment // 1_000_000


def _unpack(snapshot: str, folder: Path) -> None:
    with repository.opened(snapshot, STREAM) as stream, _fed("mbstream", "-x", "-C", str(folder)) as unpack:
        shutil.copyfileobj(stream, unpack, _CHUNK)


def _prepare(folder: Path, *options: str) -> None:
    command = ["mariadb-backup", "--prepare", f"--target-dir={folder}", *options]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Trouble(f"mariadb-backup --prepare: {last_words(done.stderr)}")


def _remember_key(folder: Path) -> None:
    """Writes down which key the data are encrypted with, as the backup tells; the entrypoint looks for it there."""
    found = re.search(r"^file_key_management_filename=(.*)$", (folder / "backup-my.cnf").read_text(encoding="utf-8"), re.MULTILINE)
    if found and Path(found[1]).name != _FIRST_KEY:
        (folder / _KEY_NOTE).write_text(f"{Path(found[1]).name}\n", encoding="ascii")


def _key_option(folder: Path) -> list[str]:
    note = folder / _KEY_NOTE
    return [f"--file-key-management-filename=/run/secrets/{note.read_text(encoding='ascii').strip()}"] if note.exists() else []


def _replay(folder: Path, order: dict[str, Any]) -> None:
    stop = order["stop"]
    until = Until(order["number"], stop.get("number"), stop.get("moment"))
    client = ("mariadb", "--no-defaults", f"--socket={_SOCKET}", "--binary-mode", "--max-allowed-packet=1G")
    with _server_without_network(folder), _fed(*client) as sink:
        # The server let us in without a password, whatever it was. From here on it knows its accounts, so that changes to them work.
        sink.write(b"FLUSH LOCAL PRIVILEGES;\n")
        for found in order["batches"]:
            if not until.is_over:
                _replay_batch(found, until, sink)
        wanted = stop.get("number")
        if wanted is not None and until.last != wanted:
            raise Trouble(f"the log ends at transaction {until.last}, not at {wanted}")
        # The next transaction gets the next number.
        sink.write(b"RESET MASTER;\n")
        if until.last:
            sink.write(f"SET GLOBAL gtid_binlog_state = '0-{order['server']}-{until.last}';\n".encode())


def _replay_batch(found: dict[str, Any], until: Until, sink: IO[bytes]) -> None:
    with (
        repository.opened(found["snapshot"], str(batch.FOLDER), "--archive", "tar") as stream,
        tarfile.open(fileobj=stream, mode="r|") as archive,
    ):
        for member in archive:
            content = archive.extractfile(member)
            name = Path(member.name).name
            if content is None or until.is_over:
                continue
            if name == batch.TIMES:
                until.learn([Sample(*sample) for sample in json.load(content)])
            elif name in found["logs"]:
                _replay_log(content, until, sink)


def _replay_log(log: IO[bytes], until: Until, sink: IO[bytes]) -> None:
    sink.flush()
    with _fed("mariadb-binlog", "--no-defaults", "--disable-log-bin", "-", output=sink.fileno()) as decode:
        for piece in binlog.cut(log, until.wants):
            decode.write(piece)


@contextmanager
def _fed(*command: str, output: int = subprocess.DEVNULL) -> Iterator[IO[bytes]]:
    """Starts a program that reads what is written to it; it is an error unless the program ends well."""
    with (
        tempfile.TemporaryFile() as complaints,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=output, stderr=complaints) as process,
    ):
        assert process.stdin
        try:
            yield process.stdin
            process.stdin.close()
        except BrokenPipeError:
            # The program gave up, and its own words say why.
            pass
        except BaseException:
            # If the program ended before, that is why writing to it failed.
            if process.poll() in (None, 0):
                process.kill()
                # An error from writing the rest must not hide the reason.
                with suppress(BrokenPipeError):
                    process.stdin.close()
                raise
        failed = process.wait() != 0
        complaints.seek(0)
        complaint = complaints.read().decode(errors="replace")
    if failed:
        raise Trouble(f"{command[0]}: {last_words(complaint)}")


@contextmanager
def _server_without_network(folder: Path) -> Iterator[None]:
    """Starts a server that nobody else reaches. It writes nothing safely: either it is shut down cleanly, or the restore has failed."""
    command = [
        "mariadbd", f"--datadir={folder}", "--skip-networking", f"--socket={_SOCKET}", "--pid-file=/tmp/restore.pid",
        "--skip-grant-tables", "--skip-slave-start", "--max-allowed-packet=1G", f"--log-error={_ERROR_LOG}",
        "--innodb-flush-log-at-trx-commit=0", "--sync-binlog=0", *_key_option(folder),
    ]  # fmt: skip
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            _await_answer(server)
            yield
            server.terminate()
        except BaseException:
            server.kill()
            raise
    if server.returncode != 0:
        raise Trouble(f"the server on the restored data did not shut down: {_error_log()}")


def _await_answer(server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        try:
            pymysql.connect(unix_socket=_SOCKET, user="root").close()
        except pymysql.Error:
            # A server on a socket has no event to wait for but an answer.
            time.sleep(0.05)
        else:
            return
    raise Trouble(f"no server starts on the restored data: {_error_log()}")


def _error_log() -> str:
    return last_words(_ERROR_LOG.read_text(encoding="utf-8", errors="replace"))
