"""No second colour at all: the old version is stopped, the new one starts at the same address, behind a static nginx."""

from __future__ import annotations

import time

from upstreams import Upstream

from bench.place import COLOUR_PORT, Place
from bench.rivals.contender import Switched
from bench.rivals.static_nginx import StaticNginx


class StopStart(StaticNginx):
    name = "stop, then start"
    way = "the new version takes the old one's place"
    brings_its_upstream = True

    def __init__(self, place: Place, cores: str = "") -> None:
        super().__init__(place, cores)
        self._serving: Upstream | None = None

    def start(self, colour: str) -> None:
        self._serve(colour)
        super().start("blue")

    def switch_to(self, colour: str) -> Switched:
        self._stop_serving()
        self._serve(colour)
        return Switched(time.monotonic())

    def stop(self) -> None:
        super().stop()
        self._stop_serving()

    def _serve(self, colour: str) -> None:
        # Whatever its colour, it is at blue's place and has blue's certificate.
        self._serving = Upstream(colour, self.place.address("blue"), COLOUR_PORT, self.place.tls / "blue")
        self._serving.start()

    def _stop_serving(self) -> None:
        if self._serving is not None:
            self._serving.stop()
            self._serving = None
