"""The durable cache of an environment: its volume, its container, and what a running one has to take over."""

from __future__ import annotations

import os
import ssl
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome, Refusal
from ansible_collections.echobase.platform.plugins.module_utils.base.waiting import looks
from ansible_collections.echobase.platform.plugins.module_utils.cache.accounts import ADMIN_USER, mark_of
from ansible_collections.echobase.platform.plugins.module_utils.cache.connection import (
    AccessDeniedError,
    CacheConnection,
    CertificateRejectedError,
    NotAnsweringError,
)
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import ENVIRONMENT_LABEL
from ansible_collections.echobase.platform.plugins.module_utils.containers.compose import ComposeFile
from ansible_collections.echobase.platform.plugins.module_utils.containers.described import DescribedContainers
from ansible_collections.echobase.platform.plugins.module_utils.containers.ours import our_container, our_network, our_volume
from ansible_collections.echobase.platform.plugins.module_utils.environment.inside import DATABASE
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment
from ansible_collections.echobase.platform.plugins.module_utils.host.port_holder import port_holder

if TYPE_CHECKING:
    from docker import DockerClient

COMPOSE = "compose/durable-redis.yml"
_LOAD_ACCOUNTS, _LOAD_CERTIFICATE, _RESTART = "load accounts", "load certificate", "restart"
# A stop writes what is in memory. After that it is killed, and loses what the last second wrote.
_STOP_SECONDS = 60


class DurableCache:
    def __init__(self, docker: DockerClient, env: Environment) -> None:
        self._docker = docker
        self._env = env
        self._cache = env.cache
        self._compose = Path(env.path(COMPOSE))
        self._accounts = Path(env.path("secrets", "cache", "users.acl"))
        self._certificate = Path(env.path("tls", self._cache.service, "tls.crt"))

    def ensure(self, compose: str, seconds: int, check: bool) -> Outcome:
        """Returns when the application can log in."""
        file = ComposeFile(self._env.durable_project, str(self._compose))
        described = DescribedContainers(self._docker, self._env.name, file, compose, [self._cache.container], waits=False)
        has_volume = self._has_volume()
        outcome = described.ensure(seconds, check=True)
        starts = any(self._cache.container in step for step in outcome.facts["steps"])
        repairs = [] if starts else self._repairs()
        if not check:
            self._refuse_unprepared(starts)
            if not has_volume:
                self._make_volume()
            described.ensure(seconds, check=False)
            self._repair(repairs)
        steps = [*([] if has_volume else [f"make volume {self._cache.volume}"]), *outcome.facts["steps"], *repairs]
        return self._outcome(replace(outcome, changed=bool(steps), facts={"steps": steps}), seconds, check)

    def reload(self, check: bool) -> Outcome:
        """Has a running cache take over accounts and certificate. One that does not run reads them when it starts."""
        repairs = self._repairs() if self._runs() else []
        if not check:
            self._repair(repairs)
        return Outcome(changed=bool(repairs), before="".join(f"{step}\n" for step in repairs), facts={"steps": repairs})

    def remove(self, confirm: str, check: bool) -> Outcome:
        """The volume goes only with its exact name."""
        volume = self._cache.volume
        if confirm not in ("", volume):
            raise Refusal(
                f"cache_confirm is '{confirm}', the volume is {volume}: nothing was changed",
                f"{playbook('teardown', cache_confirm=volume)} deletes what is in the cache for good; without that name it stays",
            )
        is_there = our_container(self._docker, self._env.name, self._cache.container) is not None
        goes = bool(confirm) and our_volume(self._docker, self._env.name, volume) is not None
        things = [*([self._cache.container] if is_there else []), *([COMPOSE] if self._compose.exists() else [])]
        steps = [f"remove {thing}" for thing in (*things, *([f"volume {volume}"] if goes else []))]
        if not check:
            # Compose is not used for this: `down` would take the whole project, and the database with it.
            if is_there:
                self._docker.api.stop(self._cache.container, timeout=_STOP_SECONDS)
                self._docker.api.remove_container(self._cache.container)
            self._compose.unlink(missing_ok=True)
            if goes:
                self._docker.api.remove_volume(volume)
        return Outcome(changed=bool(steps), before="".join(f"{step}\n" for step in steps), facts={"steps": steps})

    def _refuse_unprepared(self, starts: bool) -> None:
        missing = self._missing_files()
        if our_network(self._docker, self._env.name, self._env.durable_network.name) is None:
            missing.append(f"network {self._env.durable_network.name}")
        if missing:
            raise Refusal(f"the cache cannot run without: {', '.join(missing)}", f"run {playbook('setup_durable')}, which makes them first")
        holder = port_holder(self._cache.port, self._docker) if starts and not self._runs() else None
        if holder:
            raise Refusal(
                f"the cache's port {self._cache.port} is taken by {holder}",
                "stop that, or give the cache another port in echobase_ports (redis), then run this again",
            )

    def _missing_files(self) -> list[str]:
        tls = [("tls", "ca.crt"), *(("tls", self._cache.service, name) for name in ("tls.crt", "tls.key"))]
        passwords = [("app", "cache_password"), *(("cache", name) for name in ("users.acl", "monitor_password", "admin_password"))]
        paths = [self._env.path(*names) for names in (*tls, *(("secrets", *names) for names in passwords))]
        return [path for path in paths if not Path(path).exists()]

    def _has_volume(self) -> bool:
        """A run that is killed may leave one behind that Redis cannot write to."""
        volume = our_volume(self._docker, self._env.name, self._cache.volume)
        return volume is not None and Path(volume["Mountpoint"]).stat().st_uid == DATABASE

    def _make_volume(self) -> None:
        volume = self._docker.api.create_volume(self._cache.volume, labels={ENVIRONMENT_LABEL: self._env.name})
        folder = Path(volume["Mountpoint"])
        os.chown(folder, DATABASE, DATABASE)
        folder.chmod(0o700)

    def _repairs(self) -> list[str]:
        """What a running cache has not taken over yet."""
        if self._missing_files():
            return []
        try:
            with self._login(ADMIN_USER, "cache", "admin_password") as admin:
                users = admin.ask("ACL", "USERS")
                has_accounts = isinstance(users, list) and mark_of(self._accounts.read_text(encoding="utf-8")) in users
                has_certificate = admin.certificate == _der_of(self._certificate)
        except (AccessDeniedError, CertificateRejectedError):
            # It has others than the files here, and nobody can tell it so: a start reads them.
            return [_RESTART]
        except NotAnsweringError:
            return []
        return [*([] if has_accounts else [_LOAD_ACCOUNTS]), *([] if has_certificate else [_LOAD_CERTIFICATE])]

    def _repair(self, repairs: list[str]) -> None:
        if _RESTART in repairs:
            self._docker.api.restart(self._cache.container, timeout=_STOP_SECONDS)
            return
        if not repairs:
            return
        with self._login(ADMIN_USER, "cache", "admin_password") as admin:
            if _LOAD_ACCOUNTS in repairs:
                admin.ask("ACL", "LOAD")
            if _LOAD_CERTIFICATE in repairs:
                # The paths are the same; the files behind them are read anew.
                admin.ask("CONFIG", "SET", "tls-cert-file", "/run/tls/tls.crt", "tls-key-file", "/run/tls/tls.key")

    def _outcome(self, outcome: Outcome, seconds: int, check: bool) -> Outcome:
        facts = {"container": self._cache.container, "volume": self._cache.volume, "port": self._cache.port, "version": ""}
        problem = ""
        # What has just been made answers within moments; in check mode nothing has been.
        for _look in looks(0 if check else seconds):
            try:
                with self._login(self._env.database_user, "app", "cache_password") as login:
                    facts["version"] = login.info().get("redis_version", "")
                    return replace(outcome, facts={**outcome.facts, **facts, "ready": True})
            except AccessDeniedError as error:
                problem = str(error)
                break
            except NotAnsweringError as error:
                problem = str(error)
        if check:
            return replace(outcome, facts={**outcome.facts, **facts, "ready": False})
        raise self._not_ready(f"does not let {self._env.database_user} in: {problem}")

    def _login(self, user: str, *password_file: str) -> CacheConnection:
        return CacheConnection.of_environment(self._env, user, *password_file)

    def _runs(self) -> bool:
        container = our_container(self._docker, self._env.name, self._cache.container)
        return container is not None and bool(container["State"]["Running"])

    def _not_ready(self, problem: str) -> Refusal:
        lines = self._docker.api.logs(self._cache.container, tail=4).decode(errors="replace").splitlines()
        return Refusal(
            f"{self._cache.container} {problem}; its last words: {' | '.join(line.strip() for line in lines if line.strip())}",
            f"see `docker logs {self._cache.container}`",
        )


def _der_of(certificate: Path) -> bytes:
    """The first certificate of the file: the authority's follows."""
    pem = certificate.read_text(encoding="utf-8")
    end = "-----END CERTIFICATE-----"
    return ssl.PEM_cert_to_DER_cert(pem.partition(end)[0] + end)
