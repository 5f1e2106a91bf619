# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The controller's end of one connection to one host, over which the modules of a whole playbook go.

Ansible does each task in a process of its own, so a broker, one more process, holds the connection; it ends when the playbook does.
Tasks reach it by a socket in the playbook's own temporary folder.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import io
import itertools
import json
import os
import select
import signal
import socket
import subprocess
import tempfile
import threading
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NoReturn

import ansible
import ansible.module_utils

from ansible_collections.echobase.platform.plugins.module_utils.base.progress import Progress
from ansible_collections.echobase.platform.plugins.plugin_utils import module_server
from ansible_collections.echobase.platform.plugins.plugin_utils.module_server import LENGTH, SIGN, receive_frame, send_frame

# What the host's Python is told to do: to read the server as text, and to run it.
BOOTSTRAP = f"""
import os
def read(length):
    text = b""
    while len(text) < length:
        part = os.read(0, length - len(text))
        if not part:
            raise SystemExit(0)
        text += part
    return text
exec(compile(read(int(read({LENGTH}))), "module_server", "exec"))
""".strip()
_PLUGINS = Path(__file__).resolve().parents[1]
_OURS = "ansible_collections/echobase/platform/plugins"
_READY, _FAILED = b"+", b"-"


class NotPossible(Exception):
    """This way is closed; the ordinary one may be open, or says better what is wrong."""


class ConnectionLost(Exception):
    """It broke while a module was at work, which comes to its end on the host."""


@dataclass(frozen=True)
class Way:
    """How the host is reached: a command whose standard input and output lead to `BOOTSTRAP` there."""

    command: Sequence[str | bytes]
    # The playbook's own folder, and its process.
    folder: Path
    playbook: int

    def call(self, module: str, arguments: str, profile: str, progress: str = "") -> str:
        """What the module printed. Raises NotPossible before anything began, and ConnectionLost later. What it says of its progress goes to
        that file."""
        asked = {"module": module, "arguments": arguments, "profile": profile, "progress": progress}
        with self._broker() as broker:
            send_frame(broker.fileno(), json.dumps(asked).encode())
            try:
                answer = json.loads(receive_frame(broker.fileno()))
            except (EOFError, ConnectionResetError):
                raise ConnectionLost("the connection was closed while the module was at work") from None
        if "lost" in answer:
            raise ConnectionLost(answer["lost"])
        if answer["stdout"].strip():
            return str(answer["stdout"])
        # A module that prints nothing has failed in a way of its own: what it complained of says how.
        words = answer["stderr"].strip() or "it said nothing"
        return json.dumps({"failed": True, "msg": f"the module ended without an answer: {words.splitlines()[-1]}", "exception": words})

    @contextlib.contextmanager
    def _broker(self) -> Iterator[socket.socket]:
        name = hashlib.sha256(repr([os.fsdecode(word) for word in self.command]).encode()).hexdigest()[:8]
        place, failed = self.folder / f"mod-{name}", self.folder / f"mod-{name}.failed"
        with socket.socket(socket.AF_UNIX) as line:
            if not _reached(line, place):
                with (self.folder / f"mod-{name}.lock").open("w") as lock:
                    fcntl.flock(lock, fcntl.LOCK_EX)
                    if failed.exists():
                        raise NotPossible("it was tried before")
                    # Meanwhile another task may have started one.
                    if not _reached(line, place):
                        try:
                            _start_broker(self, place)
                        except NotPossible:
                            failed.touch()
                            raise
                        if not _reached(line, place):
                            raise NotPossible("the broker does not listen")
            yield line


def _reached(line: socket.socket, place: Path) -> bool:
    try:
        line.connect(str(place))
    except OSError:
        return False
    return True


def _start_broker(way: Way, place: Path) -> None:
    """Returns once the host has answered."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _become_broker(way, place, writing)
    os.close(writing)
    os.waitpid(child, 0)
    with os.fdopen(reading, "rb") as told:
        if told.read(1) != _READY:
            raise NotPossible(told.read().decode(errors="replace").strip() or "the broker ended")


def _become_broker(way: Way, place: Path, ready: int) -> NoReturn:
    """In a child of the task's process, which itself only lasts as long as the task."""
    try:
        os.setsid()
        if os.fork() == 0:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            nowhere = os.open(os.devnull, os.O_RDWR)
            for standard in (0, 1, 2):
                os.dup2(nowhere, standard)
            # Whatever else is open belongs to Ansible.
            os.dup2(ready, 3)
            os.closerange(4, os.sysconf("SC_OPEN_MAX"))
            _Broker(way, place, 3).run()
    finally:
        os._exit(0)


class _Broker:
    def __init__(self, way: Way, place: Path, ready: int) -> None:
        self._way = way
        self._place = place
        self._ready = ready
        self._numbers = itertools.count(1)
        self._waiting: dict[str, socket.socket] = {}
        self._progress: dict[str, Progress] = {}
        self._lock = threading.Lock()
        self._complaints: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the broker

    def run(self) -> None:
        (theirs, self._to), (self._from, ours) = os.pipe(), os.pipe()
        command = [os.fsencode(word) for word in self._way.command]
        self._host = subprocess.Popen(command, stdin=theirs, stdout=ours, stderr=self._complaints)
        for end in (theirs, ours):
            os.close(end)
        try:
            self._greet()
            listener = socket.socket(socket.AF_UNIX)
            with contextlib.suppress(FileNotFoundError):
                self._place.unlink()
            listener.bind(str(self._place))
            listener.listen()
        except (OSError, EOFError, ValueError):
            os.write(self._ready, _FAILED + (self._complaint() or "the host ended the connection").encode())
            return
        os.write(self._ready, _READY)
        os.close(self._ready)
        threading.Thread(target=self._hear_host, daemon=True).start()
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
        self._await_playbook()
        # A module that is at work comes to its end there.
        self._host.terminate()

    def _greet(self) -> None:
        send_frame(self._to, Path(module_server.__file__).read_bytes())
        # What else is said first, such as by sudo, is not for us.
        heard = bytearray()
        while not heard.endswith(SIGN):
            part = os.read(self._from, 1)
            if not part:
                raise EOFError
            heard += part
        files = dict(_files())
        digest = hashlib.sha256()
        for path, content in files.items():
            digest.update(f"{path} {len(content)}\n".encode() + content)
        send_frame(self._to, digest.hexdigest()[:24].encode())
        if receive_frame(self._from) == b"missing":
            send_frame(self._to, _archive(files))

    def _accept(self, listener: socket.socket) -> None:
        while True:
            task, _address = listener.accept()
            threading.Thread(target=self._forward, args=(task,), daemon=True).start()

    def _forward(self, task: socket.socket) -> None:
        try:
            asked = json.loads(receive_frame(task.fileno()))
        except (EOFError, OSError):
            task.close()
            return
        number = str(next(self._numbers))
        progress = Progress(asked.pop("progress"))
        with self._lock:
            self._waiting[number] = task
            self._progress[number] = progress
            try:
                send_frame(self._to, json.dumps(asked | {"id": number}).encode())
            except OSError:
                self._lose()

    def _hear_host(self) -> None:
        try:
            while True:
                answer = receive_frame(self._from)
                told = json.loads(answer)
                if "progress" in told:
                    # Who followed it may be gone.
                    with contextlib.suppress(OSError):
                        self._progress[told["id"]].say(told["progress"])
                    continue
                with self._lock:
                    task = self._waiting.pop(told["id"])
                    del self._progress[told["id"]]
                _tell(task, answer)
        except (EOFError, OSError, ValueError):
            with self._lock:
                self._lose()

    def _lose(self) -> NoReturn:
        """The next task makes a connection of its own."""
        with contextlib.suppress(OSError):
            self._place.unlink()
        self._host.terminate()
        lost = self._complaint() or "the connection was closed"
        for task in self._waiting.values():
            _tell(task, json.dumps({"lost": lost}).encode())
        os._exit(0)

    def _complaint(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._host.wait(2)
        self._complaints.seek(0)
        lines = self._complaints.read().decode(errors="replace").strip().splitlines()
        return lines[-1].strip() if lines else ""

    def _await_playbook(self) -> None:
        with contextlib.suppress(OSError):
            end = os.pidfd_open(self._way.playbook)
            select.select([end], [], [])


def _tell(task: socket.socket, answer: bytes) -> None:
    # A task that was stopped does not listen any more.
    with contextlib.suppress(OSError), task:
        send_frame(task.fileno(), answer)


def _files() -> Iterator[tuple[str, bytes]]:
    """What modules import, by its path for Python; names sorted, so that the same code has the same digest."""
    yield "ansible/__init__.py", f"__version__ = {ansible.__version__!r}\n__author__ = {ansible.__author__!r}\n".encode()
    parts = _OURS.split("/")
    for depth in range(len(parts)):
        yield f"{'/'.join(parts[: depth + 1])}/__init__.py", b""
    theirs = Path(ansible.module_utils.__file__).parent
    for folder, name in (
        (theirs, "ansible/module_utils"),
        (_PLUGINS / "module_utils", f"{_OURS}/module_utils"),
        (_PLUGINS / "modules", f"{_OURS}/modules"),
    ):
        yield f"{name}/__init__.py", b""
        for file in sorted(folder.rglob("*.py")):
            yield f"{name}/{file.relative_to(folder).as_posix()}", file.read_bytes()


def _archive(files: dict[str, bytes]) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as made:
        for path, content in files.items():
            made.writestr(path, content)
    return archive.getvalue()
