"""A registry of one's own: images go there under their tags, and come from there by their digests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible_collections.echobase.platform.plugins.module_utils.base.atomic_file import write_durably
from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.base.progress import Progress
from ansible_collections.echobase.platform.plugins.module_utils.images.log import BuildLog
from ansible_collections.echobase.platform.plugins.module_utils.images.official import as_engine_lists

if TYPE_CHECKING:
    from docker import DockerClient

# The twin of doc_fragments/own_registry.py.
REGISTRY_ARGUMENTS: dict[str, dict[str, Any]] = {
    "user": {"type": "str", "default": ""},
    "password": {"type": "str", "default": "", "no_log": True},
    "authority": {"type": "str", "default": ""},
}
# A registry that says nothing for so long has gone.
SILENCE_SECONDS = 300
_AUTHORITIES = Path("/etc/docker/certs.d")
_LOGIN_WORDS = ("unauthorized", "authentication required", "no basic auth credentials", "denied", "login")
_AWAY_WORDS = ("connection refused", "no such host", "i/o timeout", "no route to host", "deadline exceeded", "connection reset", "EOF")
_AUTHORITY_WORDS = ("x509", "certificate", "HTTP response to HTTPS client")


@dataclass(frozen=True)
class Login:
    user: str = ""
    password: str = ""

    @property
    def as_argument(self) -> dict[str, str] | None:
        return {"username": self.user, "password": self.password} if self.user else None


def registry_of(params: Mapping[str, Any], connect: Callable[[int], DockerClient]) -> OwnRegistry:
    login = Login(params["user"], params["password"])
    return OwnRegistry(connect, login, params["authority"], Progress(params["progress"]))


class OwnRegistry:
    """`authority` is the certificate that vouches for it, where the engine's own do not; the login is never kept on a host."""

    def __init__(self, connect: Callable[[int], DockerClient], login: Login, authority: str, progress: Progress) -> None:
        self._client = connect(SILENCE_SECONDS)
        self._login = login
        self._authority = authority
        self._progress = progress

    def missing(self, images: Mapping[str, str]) -> list[str]:
        """The tags, of those that have to be these references, that the engine lacks or has for something else."""
        there = {tag: image["RepoDigests"] or () for image in self._client.api.images() for tag in image["RepoTags"] or ()}
        return [tag for tag, reference in images.items() if as_engine_lists(reference) not in there.get(as_engine_lists(tag), ())]

    def pull(self, images: Mapping[str, str]) -> None:
        for tag, reference in images.items():
            repository, _at, digest = reference.partition("@")
            self.trust(repository)
            log = BuildLog(tag, self._progress, verb="pulling")
            log.tell(f"from {repository.partition('/')[0]}")
            with self._failures(reference, "pulled"):
                answer = self._client.api.pull(repository, tag=digest, stream=True, decode=True, auth_config=self._login.as_argument)
                _follow(answer, log)
                name, _colon, version = tag.rpartition(":")
                self._client.api.tag(reference, name, version)

    def known_or_pushed(self, tags: Iterable[str], repository: str, *, push: bool) -> tuple[dict[str, str], list[str]]:
        """The reference of each by its digest, and the tags that the registry did not have."""
        found: dict[str, str] = {}
        news = []
        if push:
            self.trust(repository)
        for tag in tags:
            place, version = place_of(tag, repository)
            known = self._known(tag, place)
            if not known:
                news.append(tag)
            if known or push:
                found[tag] = known or self._push(tag, place, version)
        return found, news

    def trust(self, repository: str) -> bool:
        """The engine reads the authority of a registry anew with each request."""
        file = _AUTHORITIES / repository.partition("/")[0] / "ca.crt"
        if not self._authority or (file.is_file() and file.read_text(encoding="utf-8") == self._authority):
            return False
        file.parent.mkdir(parents=True, exist_ok=True)
        write_durably(file, self._authority, mode=0o644)
        return True

    def _known(self, tag: str, place: str) -> str:
        from docker.errors import APIError, ImageNotFound  # noqa: PLC0415 - see docker_client

        try:
            digests = self._client.images.get(tag).attrs.get("RepoDigests") or ()
        except ImageNotFound as error:
            raise Refusal(f"there is no image {tag} on this machine", "build it first") from error
        for reference in digests:
            if reference.startswith(f"{as_engine_lists(place)}@"):
                try:
                    self._client.api.inspect_distribution(reference, self._login.as_argument)  # type: ignore[no-untyped-call]
                    return str(reference)
                except APIError as error:
                    if error.status_code != 404:
                        with self._failures(reference, "asked for"):
                            raise
        return ""

    def _push(self, tag: str, place: str, version: str) -> str:
        log = BuildLog(tag, self._progress, verb="pushing")
        log.tell(f"to {place}")
        with self._failures(f"{place}:{version}", "pushed"):
            # The engine keeps that name: by it, it knows the digest that the registry gave.
            self._client.api.tag(tag, place, version)
            events = self._client.api.push(place, version, stream=True, decode=True, auth_config=self._login.as_argument)
            digests = [event["aux"]["Digest"] for event in _told(events, log) if "aux" in event]
        return f"{place}@{digests[-1]}"

    @contextmanager
    def _failures(self, reference: str, what: str) -> Iterator[None]:
        from docker.errors import APIError  # noqa: PLC0415 - see docker_client
        from requests import RequestException  # noqa: PLC0415 - comes with docker

        registry = reference.partition("/")[0]
        try:
            yield
        except (APIError, RequestException, _Failed) as error:
            words = str(getattr(error, "explanation", "") or error).strip()
            status = getattr(error, "status_code", None)
            raise Refusal(f"{reference} cannot be {what}: {words}", _remedy(registry, words, status, bool(self._login.user))) from error


class _Failed(Exception):
    """What the engine said in the middle of its answer."""


def place_of(tag: str, repository: str) -> tuple[str, str]:
    """Where an image goes below the repository, and its version there: what it is called without whoever made it."""
    if "@" in tag:
        name, _at, digest = tag.partition("@")
        return f"{repository}/{name.rpartition('/')[2].partition(':')[0]}", digest.removeprefix("sha256:")[:12]
    name, colon, version = tag.rpartition(":")
    if not colon or "/" in version:
        name, version = tag, "latest"
    return f"{repository}/{name.rpartition('/')[2]}", version


def _remedy(registry: str, words: str, status: int | None, has_login: bool) -> str:
    def says(those: Iterable[str]) -> bool:
        return any(word.lower() in words.lower() for word in those)

    if says(_AUTHORITY_WORDS):
        return f"give the certificate of the authority that vouches for {registry} in images_registry_ca_file"
    if status in (401, 403) or says(_LOGIN_WORDS):
        return (
            f"see that the user in images_registry_user may do that at {registry}, with the password in images_registry_password_file"
            if has_login
            else f"{registry} may ask for a login: set images_registry_user and images_registry_password_file"
        )
    if status == 404 or says(("not found", "manifest unknown")):
        return f"see that {registry} still has it, or run {playbook('images')} again, which pushes it"
    if says(_AWAY_WORDS):
        return f"see that this host reaches {registry}; what has arrived stays, so run again"
    return f"look into the log of {registry}; what has arrived stays, so run again"


def _told(events: Iterable[dict[str, Any]], log: BuildLog) -> Iterator[dict[str, Any]]:
    for event in events:
        if "error" in event:
            raise _Failed(str(event["error"]))
        log.add(f"{event.get('id', '')} {event.get('status', '')} {event.get('progress', '')}\n")
        yield event


def _follow(events: Iterable[dict[str, Any]], log: BuildLog) -> None:
    for _event in _told(events, log):
        pass
