"""The Docker engine of this host: is it there, which version, and a client for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible_collections.echobase.platform.plugins.module_utils.errors import Refusal

if TYPE_CHECKING:
    from docker import DockerClient

REMEDY = "start the engine, or run the role docker_engine"


def connect(timeout: int = 60) -> DockerClient:
    """A client of the engine that DOCKER_HOST or the usual socket names; its first question is already answered."""
    try:
        import docker  # noqa: PLC0415 - a managed host may lack it, and must hear so in one line
    except ImportError as error:
        raise Refusal("the Python package 'docker' is not installed", "install the collection's requirements.txt") from error
    try:
        return docker.from_env(timeout=timeout)
    except docker.errors.DockerException as error:
        raise Refusal(f"the Docker engine does not answer: {error}", REMEDY) from error


def volume_exists(name: str) -> bool:
    from docker.errors import NotFound  # noqa: PLC0415 - as above

    try:
        connect().volumes.get(name)
    except NotFound:
        return False
    return True
