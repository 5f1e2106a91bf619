"""What a registry says about an image, asked through the engine: its own proxies, mirrors and logins are those of the pull."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible_collections.echobase.platform.plugins.module_utils.base.atomic_file import write_durably
from ansible_collections.echobase.platform.plugins.module_utils.images.log import BuildLog
from ansible_collections.echobase.platform.plugins.module_utils.images.official import OfficialImage

if TYPE_CHECKING:
    from docker import DockerClient

# The first answer has to come quickly: whoever has no registry waits for it in vain.
PROBE_SECONDS = 3
_ANSWER_SECONDS = 30
_SILENCE_SECONDS = 300
_HAS_NOT = (401, 403, 404)


class RegistryAway(Exception):
    """The registry does not answer, or fails; its text says how."""


class NotThere(Exception):
    """The registry answers, and has no such image."""


class Registries:
    """`connect` gives a client that waits so many seconds for an answer. A registry that did not answer once is not asked again."""

    def __init__(self, connect: Callable[[int], DockerClient]) -> None:
        self._connect = connect
        self._answered: set[str] = set()
        self._away: dict[str, str] = {}

    def digest(self, official: OfficialImage, reference: str) -> str:
        """Gives the digest of what the registry has by that name, for all processors together."""
        if official.registry in self._away:
            raise RegistryAway(self._away[official.registry])
        patience = _ANSWER_SECONDS if official.registry in self._answered else PROBE_SECONDS
        try:
            with _failures(official):
                answer: dict[str, Any] = self._connect(patience).api.inspect_distribution(reference)  # type: ignore[no-untyped-call]
        except RegistryAway as away:
            self._away[official.registry] = str(away)
            raise
        except NotThere:
            self._answered.add(official.registry)
            raise
        self._answered.add(official.registry)
        return str(answer["Descriptor"]["digest"])

    def pull(self, official: OfficialImage, digest: str, repository: str, log: BuildLog) -> None:
        """Has the image on the engine by its digest, and marks it as ours with a tag in `repository`."""
        client = self._connect(_SILENCE_SECONDS)
        with _failures(official):
            for event in client.api.pull(official.image, tag=digest, stream=True, decode=True):
                if "error" in event:
                    raise RegistryAway(str(event["error"]).strip())
                log.add(f"{event.get('id', '')} {event.get('status', '')} {event.get('progress', '')}\n")
            client.api.tag(official.by(digest), repository, official.mark(digest))


@contextmanager
def _failures(official: OfficialImage) -> Iterator[None]:
    from docker.errors import APIError  # noqa: PLC0415 - see docker_client
    from requests import RequestException  # noqa: PLC0415 - comes with docker

    try:
        yield
    except APIError as error:
        if error.status_code in _HAS_NOT:
            raise NotThere(f"{official.registry} has no {official.image}:{official.version} ({error.explanation})") from error
        raise RegistryAway(str(error.explanation)) from error
    except RequestException as error:
        raise RegistryAway("no answer in time") from error


@dataclass(frozen=True)
class Silence:
    """That a registry did not answer is remembered for a day, so that a host without one does not wait for it in each run."""

    file: Path
    lasts: timedelta = timedelta(days=1)

    def since(self, registry: str) -> str:
        """When it did not answer; empty if that is long ago or never was."""
        moment = self._read().get(registry, "")
        return moment if moment and datetime.now(UTC) - datetime.fromisoformat(moment) < self.lasts else ""

    def remember(self, registry: str) -> None:
        self._write(self._read() | {registry: datetime.now(UTC).isoformat(timespec="seconds")})

    def forget(self, registry: str) -> None:
        left = self._read()
        if left.pop(registry, None):
            self._write(left)

    def _read(self) -> dict[str, str]:
        try:
            return dict(json.loads(self.file.read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError):
            return {}

    def _write(self, silences: dict[str, str]) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        write_durably(self.file, json.dumps(silences) + "\n", mode=0o644)
