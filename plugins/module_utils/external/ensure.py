"""An environment on a database that somebody else runs: looked at, written down, and reached by a way that containers have."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from ansible_collections.echobase.platform.plugins.module_utils.base.atomic_file import write_durably
from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome, Refusal
from ansible_collections.echobase.platform.plugins.module_utils.base.waiting import looks
from ansible_collections.echobase.platform.plugins.module_utils.containers.ours import our_container, our_network, our_volume
from ansible_collections.echobase.platform.plugins.module_utils.environment.database_places import ENGINES
from ansible_collections.echobase.platform.plugins.module_utils.environment.external_database import (
    FOLDER,
    ExternalDatabase,
    external_database,
    record_file,
    record_text,
    write_record,
)
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment
from ansible_collections.echobase.platform.plugins.module_utils.external.examination import Examination, Found, reached
from ansible_collections.echobase.platform.plugins.module_utils.external.logins import ExternalLogins
from ansible_collections.echobase.platform.plugins.module_utils.external.way import WayOut

if TYPE_CHECKING:
    from docker import DockerClient

_WAY_SECONDS = 20.0


@dataclass(frozen=True)
class WantedExternal:
    """`database` has no authority yet: the certificates come as a text, from the controller."""

    database: ExternalDatabase
    authority: str
    # By account, `app` and `migrate`.
    passwords: Mapping[str, str]
    image: str = ""
    # The name of a volume of our own, by which a user says that they know of it.
    beside: str = ""


@dataclass(frozen=True)
class ExternalDb:
    docker: DockerClient
    env: Environment

    def look(self, wanted: WantedExternal) -> Outcome:
        """Before anything is changed: whether the server is there and will do, and lets both accounts in with these passwords."""
        self._refuse_own(wanted)
        _database, found = self._examined(wanted)
        return Outcome(changed=False, facts=_facts(wanted.database, found), warnings=found.warnings)

    def ensure(self, wanted: WantedExternal, check: bool) -> Outcome:
        self._refuse_own(wanted)
        examined, found = self._examined(wanted)
        database = replace(examined, version=found.version, authority=str(self._authority_file(wanted.authority)))
        before = external_database(self.env)
        is_news = before != database or not Path(database.authority).exists()
        way = WayOut(self.docker, self.env)
        steps = [f"write {record_file(self.env).name}"] * is_news + way.steps(database, wanted.image)
        if not check:
            self._refuse_unprepared(wanted)
            if is_news:
                found.warnings.extend(self._probed(wanted))
                self._write(database, wanted.authority)
            way.ensure(database, wanted.image)
            self._prove_way(database, wanted.passwords["app"])
        return Outcome(
            changed=bool(steps),
            before=record_text(before) if before and is_news else "",
            after=record_text(database) if is_news else "",
            facts=_facts(database, found) | {"steps": steps, "container": way.container},
            warnings=found.warnings,
        )

    def absent(self, check: bool) -> Outcome:
        """Forgets the server, and leaves all that is on it."""
        way = WayOut(self.docker, self.env)
        folder = Path(self.env.path(FOLDER))
        steps = [*way.removal_steps(), *([f"forget {FOLDER}"] if folder.exists() else [])]
        if not check:
            way.remove()
            shutil.rmtree(folder, ignore_errors=True)
        return Outcome(changed=bool(steps), before="".join(f"{step}\n" for step in steps), facts={"steps": steps})

    def _examined(self, wanted: WantedExternal) -> tuple[ExternalDatabase, Found]:
        with self._examination(wanted) as examination:
            return wanted.database, examination.look()

    def _probed(self, wanted: WantedExternal) -> list[str]:
        with self._examination(wanted) as examination:
            return examination.probe()

    @contextmanager
    def _examination(self, wanted: WantedExternal) -> Iterator[Examination]:
        """A client reads certificates from a file, and the host may have no folder for ours yet."""
        with tempfile.NamedTemporaryFile("w", suffix=".crt") as file:
            file.write(wanted.authority)
            file.flush()
            logins = ExternalLogins(self.env, replace(wanted.database, authority=file.name))
            app, migrate = (logins.direct(account, wanted.passwords[account]) for account in ("app", "migrate"))
            yield Examination(logins.engine, wanted.database, app, migrate)

    def _prove_way(self, database: ExternalDatabase, password: str) -> None:
        """Goes as a colour's program goes: to the address on the durable network, for the server's own name."""
        login = ExternalLogins(self.env, database).as_containers_do("app", password)
        way = WayOut(self.docker, self.env)
        refusal: Refusal | None = None
        for _look in looks(_WAY_SECONDS):
            try:
                with reached(database, login, f"from the containers, by {way.container}"):
                    return
            except Refusal as found:
                refusal = found
        said = self.docker.api.logs(way.container, tail=2).decode(errors="replace").strip().replace("\n", " | ")
        last = cast(Refusal, refusal)
        raise Refusal(f"{last.cause}; it said: {said or 'nothing'}", last.remedy) from last

    def _refuse_own(self, wanted: WantedExternal) -> None:
        """Data of our own would be left behind unnoticed."""
        for engine in ENGINES:
            server = self.env.server(engine)
            if our_container(self.docker, self.env.name, server.container) is not None:
                raise Refusal(
                    f"environment {self.env.name} has a database of its own, {server.container}, and echobase_database is external",
                    f"copy its data yourself, then {playbook('teardown')} removes it and keeps its volume",
                )
            if wanted.beside != server.volume and our_volume(self.docker, self.env.name, server.volume) is not None:
                raise Refusal(
                    f"environment {self.env.name} has data of its own in volume {server.volume}, which the external database does not have",
                    f"if that is so, say {playbook('setup_durable', durable_db_beside=server.volume)}: the volume stays as it is",
                )

    def _refuse_unprepared(self, wanted: WantedExternal) -> None:
        network = self.env.durable_network.name
        missing = [] if wanted.image else ["the image of nginx"]
        missing += [] if our_network(self.docker, self.env.name, network) is not None else [f"network {network}"]
        if missing:
            raise Refusal(
                f"the way to {wanted.database.place} cannot be made without {' and '.join(missing)}",
                f"run {playbook('setup_durable')}, which makes that first",
            )

    def _write(self, database: ExternalDatabase, authority: str) -> None:
        """Whoever is told of another authority has another file: colours that are up keep theirs until they are deployed again."""
        file = Path(database.authority)
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
        write_durably(file, authority, mode=0o644)
        write_record(self.env, database)

    def _authority_file(self, authority: str) -> Path:
        return Path(self.env.path(FOLDER, f"authority-{hashlib.sha256(authority.encode()).hexdigest()[:12]}.crt"))


def _facts(database: ExternalDatabase, found: Found) -> dict[str, str | int]:
    return {
        "engine": database.engine,
        "host": database.host,
        "port": database.port,
        "version": found.version,
        "tls_cipher": found.tls_cipher,
        "image_major": found.image_major,
    }
