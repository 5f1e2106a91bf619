"""A real Redis as a process of this machine, with TLS and the account of the application: to be killed, stopped and started again."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness.debian_programs import command
from harness.throwaway_tls import make_certificates
from harness.waiting import PATIENCE_SECONDS, eventually
from orders.settings import CacheSettings

USER = "app_user"
# What containers may call it.
NAME = "cache.test"
# What the application may do there: nothing beside what it does.
RIGHTS = "~rate:* ~login:* ~order:* -@all +ping +get +set +mget +del +eval +evalsha +time"


class RedisProcess:
    def __init__(self, folder: Path, address: str = "") -> None:
        self.folder = folder
        self._address = address
        self.port = _free_port()
        self.password = secrets.token_urlsafe(24)
        self._administrator = secrets.token_urlsafe(24)
        make_certificates(folder / "tls", [NAME])
        (folder / "password").write_text(self.password)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def settings(self) -> CacheSettings:
        return CacheSettings("localhost", self.port, USER, self.folder / "password", self.folder / "tls" / "ca.crt")

    def start(self) -> None:
        tls, leaf = self.folder / "tls", self.folder / "tls" / "cache"
        accounts = self.folder / "users.acl"
        accounts.write_text(f"user default on >{self._administrator} ~* +@all\nuser {USER} on >{self.password} {RIGHTS}\n")
        options = {
            "port": 0, "protected-mode": "no", "tls-port": self.port, "bind": f"127.0.0.1 {self._address}",
            "tls-cert-file": leaf / "tls.crt",
            "tls-key-file": leaf / "tls.key", "tls-ca-cert-file": tls / "ca.crt", "tls-auth-clients": "no", "dir": self.folder,
            "aclfile": accounts, "appendonly": "yes", "appendfsync": "everysec", "daemonize": "no", "save": "",
        }  # fmt: skip
        arguments = [str(part) for name, value in options.items() for part in (f"--{name}", value)]
        log = (self.folder / "redis.log").open("ab")
        self._process = subprocess.Popen([*command("redis-server"), *arguments], stdout=log, stderr=subprocess.STDOUT)
        log.close()
        eventually(self._answers, (self.folder / "redis.log").read_text)

    def kill(self) -> None:
        assert self._process
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        if self._process and self._process.poll() is None:
            os.kill(self._process.pid, signal.SIGCONT)
            self.kill()

    @contextmanager
    def hung(self) -> Iterator[None]:
        assert self._process
        os.kill(self._process.pid, signal.SIGSTOP)
        yield
        os.kill(self._process.pid, signal.SIGCONT)

    def cli(self, *arguments: str) -> str:
        """What the administrator is told."""
        done = subprocess.run(
            [
                *command("redis-cli"), "-h", "localhost", "-p", str(self.port), "--tls", "--cacert", self.folder / "tls" / "ca.crt",
                "--no-auth-warning", "--no-raw", *arguments,
            ],
            env=os.environ | {"REDISCLI_AUTH": self._administrator},
            capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
        return done.stdout + done.stderr

    def keys(self) -> list[str]:
        return sorted(line.strip('"') for line in self.cli("--scan").splitlines() if line)

    def dump(self) -> str:
        """Everything that is in it, as `redis-cli` shows it."""
        return "\n".join(f"{key} {self.cli('GET', key)}" for key in self.keys())

    def _answers(self) -> bool:
        assert self._process
        assert self._process.poll() is None, (self.folder / "redis.log").read_text()
        return "PONG" in self.cli("PING")


@contextmanager
def redis_process(folder: Path, address: str = "") -> Iterator[RedisProcess]:
    redis = RedisProcess(folder, address)
    redis.start()
    try:
        yield redis
    finally:
        redis.stop()


async def soon(condition: Callable[[], Any] | Callable[[], Awaitable[Any]], what: str) -> None:
    """Awaits a condition within an event loop."""
    end = asyncio.get_running_loop().time() + PATIENCE_SECONDS
    while True:
        answer = condition()
        if asyncio.iscoroutine(answer):
            answer = await answer
        if answer:
            return
        assert asyncio.get_running_loop().time() < end, f"still not so: {what}"
        await asyncio.sleep(0.01)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])
