"""The parts of what watches environment test, one by one, and whether all of them together do their work."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.environment.inside import OBSERVER
from harness import otlp
from harness.observability_under_test import SERVICE, ObservabilityUnderTest, docker
from harness.small_disk import SmallDisk, small_disk
from harness.waiting import eventually


@dataclass(frozen=True)
class Health:
    """0 is the number of a process that does not run."""

    process: int
    restarts: int
    out_of_memory: bool


@dataclass(frozen=True)
class Part:
    name: str

    @property
    def health(self) -> Health:
        said = docker("inspect", "-f", "{{.State.Pid}} {{.RestartCount}} {{.State.OOMKilled}}", self.name)
        process, restarts, out_of_memory = said.split()
        return Health(int(process), int(restarts), out_of_memory == "true")

    @property
    def peak_bytes(self) -> int:
        """The most memory that it had since it began, with files that the kernel would give back at once."""
        return self._read("memory.peak", "memory.max_usage_in_bytes")

    @property
    def peak(self) -> float:
        """As a share of what it may have."""
        return self.peak_bytes / self._read("memory.max", "memory.limit_in_bytes")

    def _read(self, name: str, older_name: str) -> int:
        """From the kernel's second hierarchy of groups where the engine uses that, or from its first."""
        groups = [line.split(":", 2) for line in Path(f"/proc/{self.health.process}/cgroup").read_text().splitlines()]
        folders = {controllers: folder for _, controllers, folder in groups}
        if "memory" in folders:
            return int(Path(f"/sys/fs/cgroup/memory{folders['memory']}/{older_name}").read_text())
        return int(Path(f"/sys/fs/cgroup{folders['']}/{name}").read_text())


def parts(watched: ObservabilityUnderTest) -> list[Part]:
    return [Part(name) for name in watched.containers]


def restarts(watched: ObservabilityUnderTest) -> dict[str, int]:
    return {part.name: part.health.restarts for part in parts(watched)}


def becomes_well(watched: ObservabilityUnderTest, patience: float = 120) -> None:
    """Something new gets to where it is asked for: a trace, a number and a line."""

    def is_well() -> bool:
        trace_id, number = otlp.new_trace_id(), f"well_{uuid.uuid4().hex[:8]}"
        try:
            watched.send("traces", otlp.spans(SERVICE, trace_id))
            watched.send("logs", otlp.log(SERVICE, "is it well?", {}, trace_id))
            watched.send("metrics", otlp.counter(SERVICE, number, {(): 1}))
            arrived = lambda: watched.trace(trace_id) and watched.logs({"trace_id": trace_id}) and watched.series(f"{number}_total")  # noqa: E731
            eventually(arrived, "all of it arrives", 30, interval=0.5)
        except (httpx.HTTPError, OSError, Refusal, AssertionError, ValueError, KeyError):
            return False
        return True

    eventually(is_well, "what is sent arrives", patience)


def waiting_for(watched: ObservabilityUnderTest, exporter: str) -> float:
    """The bytes that wait on the collector's disk for whom one of its exporters sends to: otlp_http/<exporter>."""
    return collector_metric(watched, "otelcol_exporter_queue_size", f'otlp_http/{exporter}"')


def collector_metric(watched: ObservabilityUnderTest, name: str, *labels: str) -> float:
    """What the collector tells of itself, in all."""
    text = httpx.get(f"http://{watched.env.collector_address}:8888/metrics").text
    lines = [line for line in text.splitlines() if line.startswith(f"{name}{{") and all(label in line for label in labels)]
    return sum(float(line.rpartition(" ")[2]) for line in lines)


@contextmanager
def disks_of_their_own(watched: ObservabilityUnderTest, services: tuple[str, ...]) -> Iterator[dict[str, SmallDisk]]:
    """Everything set up anew, these services on disks of 300 MB, which can be filled."""
    watched.run(observability_state="absent", observability_remove_data=True)
    try:
        with ExitStack() as stack:
            # pytest's own folder is closed, and the machine's exporter measures only what it gets to.
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="echobase-test-disks-")))
            folder.chmod(0o755)
            disks = {service: stack.enter_context(small_disk(folder, service, 300)) for service in services}
            for service, disk in disks.items():
                _make_volume(f"{watched.container(service)}-data", disk.folder / "data")
            # Who uses a disk goes before the disk does.
            stack.callback(watched.run, observability_state="absent", observability_remove_data=True)
            run = watched.run()
            assert not run.failed, run.output
            yield disks
    finally:
        # The other tests of this folder go on with our own volumes.
        run = watched.run()
        assert not run.failed, run.output


def _make_volume(name: str, folder: Path) -> None:
    """As the product makes it, in another place."""
    folder.mkdir()
    os.chown(folder, OBSERVER, OBSERVER)
    folder.chmod(0o2770)
    bound = ["--opt", "type=none", "--opt", "o=bind", "--opt", f"device={folder}"]
    docker("volume", "create", "--label", "io.echobase.environment=test", *bound, name)
