# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What runs on a host while a playbook does: it has the modules' code in memory, and a child of its own does what each task asks.

It is sent as text and has the standard library alone. What it says and hears are frames: eight digits of length, then that many bytes.

    heard   the name of the code    said   whether it is here already    heard   if not, the code as a zip file
    heard   {"id", "module", "arguments", "profile"}                     said   {"id", "progress"} for each line of it, and when it ends
                                                                                {"id", "stdout", "stderr"}, in whatever order they end

When the connection ends it waits for its children and ends, too: a module that was begun comes to its end.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.abc
import importlib.machinery
import io
import json
import marshal
import os
import selectors
import sys
import traceback
import types
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

SIGN = b"echobase modules 1\n"
LENGTH = 8
# With it a line begins that tells of progress (module_utils/base/progress.py).
_PROGRESS = b"\x1e"
_KEPT = 3
# A controller that is gone without a word, as after a cut cable, is not waited for longer. One that is still there connects again.
_IDLE_SECONDS = 600
# What nearly every module needs, so that it is loaded once.
_COMMON = ("docker", "ansible.module_utils.basic", "ansible_collections.echobase.platform.plugins.module_utils.module.adapter")
# By name of the module: whether it is a package, and its code.
Code = Mapping[str, "tuple[bool, types.CodeType]"]


def receive(descriptor: int, length: int) -> bytes:
    parts = bytearray()
    while len(parts) < length:
        part = os.read(descriptor, length - len(parts))
        if not part:
            raise EOFError
        parts += part
    return bytes(parts)


def receive_frame(descriptor: int) -> bytes:
    return receive(descriptor, int(receive(descriptor, LENGTH)))


def send(descriptor: int, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(descriptor, left) :]


def send_frame(descriptor: int, content: bytes) -> None:
    send(descriptor, f"{len(content):0{LENGTH}d}".encode() + content)


class MemoryFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def __init__(self, code: Code) -> None:
        self._code = code

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname not in self._code:
            return None
        is_package, code = self._code[fullname]
        spec = importlib.machinery.ModuleSpec(fullname, self, origin=code.co_filename, is_package=is_package)
        # No file is there, and yet somebody asks for its name.
        spec.has_location = True
        return spec

    def exec_module(self, module: types.ModuleType) -> None:
        exec(self._code[module.__name__][1], module.__dict__)


def compiled(archive: bytes) -> dict[str, tuple[bool, types.CodeType]]:
    code = {}
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        for path in files.namelist():
            parts = path.removesuffix(".py").split("/")
            is_package = parts[-1] == "__init__"
            # Told as text, a problem names the file as the collection has it.
            code[".".join(parts[:-1] if is_package else parts)] = (is_package, compile(files.read(path), path, "exec"))
    return code


def _store() -> Path:
    usual = Path("/var/cache") if os.geteuid() == 0 else Path.home() / ".cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or usual) / "echobase" / "modules"


def known(name: str) -> dict[str, tuple[bool, types.CodeType]] | None:
    try:
        code: dict[str, tuple[bool, types.CodeType]] = marshal.loads(_file(name).read_bytes())
    except (OSError, ValueError, EOFError, TypeError):
        return None
    return code


def keep(name: str, code: Code) -> None:
    """So that the next playbook need not send it. Where there is no room for it, it is sent again."""
    file = _file(name)
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        unfinished = file.with_suffix(f".{os.getpid()}")
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            stream.write(marshal.dumps(dict(code)))
        unfinished.rename(file)
        older = sorted(file.parent.iterdir(), key=lambda one: one.stat().st_mtime)[:-_KEPT]
        for one in older:
            one.unlink()


def _file(name: str) -> Path:
    return _store() / f"{name}-{sys.implementation.cache_tag}"


class Call:
    """A module at work, in a process of its own; what it prints is read as it comes."""

    def __init__(self, request: Mapping[str, str]) -> None:
        self.id = request["id"]
        out, err = os.pipe(), os.pipe()
        self.process = os.fork()
        if self.process == 0:
            _work(request, out[1], err[1])
        for writing in (out[1], err[1]):
            os.close(writing)
        self.printed = {out[0]: bytearray(), err[0]: bytearray()}
        self._complaints = self.printed[err[0]]
        for reading in self.printed:
            os.set_blocking(reading, False)
        self.end = os.pidfd_open(self.process)

    def read(self, descriptor: int) -> bool:
        """Whether there may be more to come."""
        try:
            while part := os.read(descriptor, 1 << 16):
                self.printed[descriptor] += part
        except BlockingIOError:
            return True
        return False

    def progress(self) -> list[str]:
        """What it said of it since the last time; it is no complaint."""
        *lines, begun = bytes(self._complaints).split(b"\n")
        said = [line for line in lines if line.startswith(_PROGRESS)]
        if said:
            self._complaints[:] = b"\n".join([*(line for line in lines if line not in said), begun])
        return [line.removeprefix(_PROGRESS).decode(errors="replace") for line in said]

    def answer(self) -> bytes:
        """Somebody whom the module started may still have its output open: the module's own end counts."""
        os.waitpid(self.process, 0)
        for descriptor in self.printed:
            self.read(descriptor)
        for descriptor in (*self.printed, self.end):
            os.close(descriptor)
        out, err = (printed.decode(errors="replace") for printed in self.printed.values())
        return json.dumps({"id": self.id, "stdout": out, "stderr": err}).encode()


def _work(request: Mapping[str, str], out: int, err: int) -> None:
    """In the child: does what the module does, and never returns."""
    try:
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(out, 1)
        os.dup2(err, 2)
        sys.stdin, sys.stdout, sys.stderr = os.fdopen(0), os.fdopen(1, "w", encoding="utf-8"), os.fdopen(2, "w", encoding="utf-8")
        # The connection is the parent's, and so is what other modules say.
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))
        from ansible.module_utils import basic  # noqa: PLC0415 - the controller sends it

        basic._ANSIBLE_ARGS = request["arguments"].encode()
        basic._ANSIBLE_PROFILE = request["profile"]
        with contextlib.suppress(SystemExit):
            importlib.import_module(request["module"]).main()
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(0)


class Server:
    def __init__(self, hearing: int, saying: int) -> None:
        self._hearing = hearing
        self._saying = saying
        self._calls: dict[int, Call] = {}
        self._events = selectors.DefaultSelector()

    def run(self) -> None:
        self._load()
        self._events.register(self._hearing, selectors.EVENT_READ)
        is_connected = True
        while is_connected or self._calls:
            events = self._events.select(None if self._calls else _IDLE_SECONDS)
            if not events:
                return
            for key, _events in events:
                if key.fd not in self._events.get_map():
                    # Its module ended in this very round.
                    continue
                if key.fd == self._hearing:
                    is_connected = self._hear()
                elif key.fd in self._calls:
                    self._finish(self._calls.pop(key.fd))
                else:
                    if not key.data.read(key.fd):
                        self._events.unregister(key.fd)
                    self._tell_progress(key.data)

    def _load(self) -> None:
        send(self._saying, SIGN)
        name = receive_frame(self._hearing).decode()
        code = known(name)
        send_frame(self._saying, b"here" if code else b"missing")
        if code is None:
            code = compiled(receive_frame(self._hearing))
            keep(name, code)
        sys.meta_path.insert(0, MemoryFinder(code))
        for common in _COMMON:
            with contextlib.suppress(Exception):
                importlib.import_module(common)

    def _hear(self) -> bool:
        try:
            request = json.loads(receive_frame(self._hearing))
        except EOFError:
            self._events.unregister(self._hearing)
            return False
        # Here, so that the next child has it, too. What is wrong with it, the child will say.
        with contextlib.suppress(Exception):
            importlib.import_module(request["module"])
        call = Call(request)
        self._calls[call.end] = call
        for descriptor in (call.end, *call.printed):
            self._events.register(descriptor, selectors.EVENT_READ, call)
        return True

    def _tell_progress(self, call: Call) -> None:
        for line in call.progress():
            with contextlib.suppress(BrokenPipeError):
                send_frame(self._saying, json.dumps({"id": call.id, "progress": line}).encode())

    def _finish(self, call: Call) -> None:
        for descriptor in (call.end, *call.printed):
            with contextlib.suppress(KeyError):
                self._events.unregister(descriptor)
        for descriptor in call.printed:
            call.read(descriptor)
        self._tell_progress(call)
        answer = call.answer()
        # Nobody may be there any more to hear it.
        with contextlib.suppress(BrokenPipeError):
            send_frame(self._saying, answer)


if __name__ == "__main__":
    # Whatever is printed by mistake is no frame.
    said = os.dup(1)
    os.dup2(2, 1)
    Server(0, said).run()
