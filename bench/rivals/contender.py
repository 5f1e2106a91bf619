"""A way to switch traffic: something that listens, and sends every request to one of two colours."""

from __future__ import annotations

import json
import socket
import ssl
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

from bench.container import Container
from bench.place import PORT, Place


@dataclass(frozen=True)
class Switched:
    # Monotonic clock: when this way of switching said that it was done.
    when: float
    # How long the one step took that moves traffic, where there is one.
    microseconds: float | None = None


class Contender(ABC):
    # As it stands in the tables.
    name: ClassVar[str]
    # How it is switched, in a few words.
    way: ClassVar[str]
    # Else it stands before two colours that run all the time.
    brings_its_upstream: ClassVar[bool] = False

    def __init__(self, place: Place, cores: str = "") -> None:
        self.place = place
        self.cores = cores

    @abstractmethod
    def start(self, colour: str) -> None:
        """Return when it answers, and does so with this colour."""

    @abstractmethod
    def switch_to(self, colour: str) -> Switched:
        """Move all traffic; returns when this way of switching says that it is done."""

    @abstractmethod
    def stop(self) -> None: ...

    @property
    @abstractmethod
    def containers(self) -> list[str]:
        """Whose CPU time is the price of a request."""


class ContainerContender(Contender):
    """One container that does it all."""

    container: Container

    def stop(self) -> None:
        self.container.stop()

    @property
    def containers(self) -> list[str]:
        return [self.container.full_name]

    def launch(self) -> None:
        self.container.start()
        try:
            await_tls(PORT, str(self.place.ca_file))
        except TimeoutError as error:
            raise RuntimeError(f"{self.name} did not start:\n{self.container.logs()}") from error


@contextmanager
def running(contender: Contender, colour: str) -> Iterator[None]:
    try:
        contender.start(colour)
        yield
    finally:
        contender.stop()


def await_tls(port: int, ca_file: str, seconds: float = 20.0) -> None:
    context = ssl.create_default_context(cafile=ca_file)

    def shake_hands(raw: socket.socket) -> None:
        context.wrap_socket(raw, server_hostname="localhost").close()

    await_listening(port, seconds, shake_hands)


def await_listening(port: int, seconds: float = 20.0, greet: Callable[[socket.socket], None] = lambda _: None) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as raw:
                greet(raw)
            return
        except OSError as error:
            if time.monotonic() > end:
                raise TimeoutError(f"port {port}: {error}") from error
            time.sleep(0.05)


def to_json(document: object) -> bytes:
    return json.dumps(document, indent=1).encode()
