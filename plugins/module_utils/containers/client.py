"""The Docker engine of this machine, and how we recognise on it what is ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.base.python_packages import missing_package

if TYPE_CHECKING:
    from docker import DockerClient

# Everything that we make has this label with its environment. What lacks the label is somebody else's and is never touched.
ENVIRONMENT_LABEL = "io.echobase.environment"
# This label has a digest of what a container was made from. When it differs from what is wanted, the container is outdated.
CONFIGURATION_LABEL = "io.echobase.configuration"
# With each line of a log comes whose it is: what watches the environment reads the lines of its own containers alone.
LOGGING: dict[str, Any] = {
    "driver": "json-file",
    "options": {"max-size": "10m", "max-file": "3", "labels": f"{ENVIRONMENT_LABEL},com.docker.compose.service"},
}


def docker_client(timeout: int = 120) -> DockerClient:
    try:
        import docker  # noqa: PLC0415 - its absence is a user's error, not a traceback
    except ImportError as error:
        raise missing_package("docker") from error
    try:
        # Constructing it asks the engine for its version.
        return docker.DockerClient.from_env(timeout=timeout)
    except docker.errors.DockerException as error:
        cause = _innermost(error)
        what = f"the Docker engine does not answer ({getattr(cause, 'strerror', None) or cause})"
        # An engine that this user may not ask is not down, and no setup would help.
        if isinstance(cause, PermissionError):
            raise Refusal(what, "become root: set ansible_become: true in the inventory") from error
        raise Refusal(what, f"start it, or run {playbook('setup_durable')}, which installs and starts it") from error


def _innermost(error: BaseException) -> BaseException:
    while error.__context__ is not None:
        error = error.__context__
    return error


def refuse_foreign(kind: str, name: str, labels: Mapping[str, str] | None, environment: str) -> None:
    owner = (labels or {}).get(ENVIRONMENT_LABEL)
    if owner != environment:
        whose = f"belongs to environment {owner}" if owner else "was not made by echobase"
        raise Refusal(f"{kind} {name} exists and {whose}: left alone", f"rename or remove that {kind} yourself, then run this again")


def found_or_none(inspect: Callable[[], Any]) -> Any:
    """Gives what the engine answers to a question about one thing; None where it knows no such thing."""
    from docker.errors import NotFound  # noqa: PLC0415 - see docker_client

    try:
        return inspect()
    except NotFound:
        return None
