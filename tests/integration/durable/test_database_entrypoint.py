"""What the database images make of a volume: new, of an earlier version, or without its data; killed between any two steps."""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import docker
import pytest

from ansible_collections.echobase.platform.plugins.module_utils.containers.stop import stop_server
from ansible_collections.echobase.platform.plugins.module_utils.environment.database_places import ENGINES
from harness.images_under_test import image_tag
from harness.waiting import eventually

MOUNTS = {"mariadb": "/var/lib/mysql", "postgresql": "/var/lib/postgresql/data"}
SIGNS = {"mariadb": "mysql", "postgresql": "PG_VERSION"}
# The server's own command, but it prints its version and ends where it would begin to serve.
BRIEF = {"mariadb": "mariadbd --version", "postgresql": "postgres --version"}
# Stands before each command that the entrypoint calls: the chosen one kills everything instead of being run.
SHIM = """#!/bin/bash
count=$(( $(cat /fault/count) + 1 ))
echo $count > /fault/count
echo "step $count: ${0##*/} $*" >> /fault/steps
if [[ $count == "$KILL_AT" ]]; then
  kill -9 -1
  exit 137
fi
exec "/usr/bin/${0##*/}" "$@"
"""
STEPS = ("mkdir", "chmod", "find", "mv", "ln", "sync", "rm", "mariadb-install-db")
ADOPTION_STEPS = 9
# A query of each that only whole data answer.
CLIENTS = {
    "mariadb": "mariadb --user=root --password=word --batch --skip-column-names --execute='SELECT note FROM orders_db.kept'",
    "postgresql": "psql --username=postgres --dbname=orders_db --no-align --tuples-only --command='SELECT note FROM kept'",
}
FIRST_SQL = {
    "mariadb": "CREATE TABLE kept (note VARCHAR(9));\nINSERT INTO kept VALUES ('first');\n",
    "postgresql": "CREATE TABLE kept (note VARCHAR(9));\nINSERT INTO kept VALUES ('first');\n",
}


@dataclass
class Volume:
    engine: str
    home: Path
    name: str

    @property
    def image(self) -> str:
        return image_tag("mariadb" if self.engine == "mariadb" else "postgres")

    def docker(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=check)

    def options(self, *more: str, copy: bool = True) -> list[str]:
        mount = f"type=volume,source={self.name},target={MOUNTS[self.engine]}{'' if copy else ',volume-nocopy'}"
        prefix = "MARIADB_ROOT" if self.engine == "mariadb" else "POSTGRES"
        database = "MARIADB_DATABASE" if self.engine == "mariadb" else "POSTGRES_DB"
        return [
            "--mount", mount, "--volume", f"{self.home}/password:/run/secrets/password:ro", "--network", "none",
            "--volume", f"{self.home}/first.sql:/docker-entrypoint-initdb.d/first.sql:ro",
            "--env", f"{prefix}_PASSWORD_FILE=/run/secrets/password", "--env", f"{database}=orders_db", *more,
        ]  # fmt: skip

    def fault(self) -> list[str]:
        """What stands in the folder comes before the commands of that name."""
        path = "/fault:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        return ["--volume", f"{self.home}/fault:/fault", "--env", f"PATH={path}"]

    def enter(self, *, kill_at: int = 0, copy: bool = True) -> subprocess.CompletedProcess[str]:
        """Once through the entrypoint, up to where the server would begin to serve."""
        (self.home / "fault/count").write_text("0")
        (self.home / "fault/steps").write_text("")
        # The first process of a container cannot be killed from inside, so the entrypoint is its child.
        script = f"docker-entrypoint.sh {BRIEF[self.engine]} & wait $!"
        fault = [*self.fault(), "--env", f"KILL_AT={kill_at}"]
        return self.docker("run", "--rm", "--entrypoint", "bash", *self.options(*fault, copy=copy), self.image, "-c", script, check=False)

    def steps(self) -> list[str]:
        return (self.home / "fault/steps").read_text().splitlines()

    def look(self, script: str, user: str = "999:999") -> str:
        place = ["--volume", f"{self.name}:/volume", "--workdir", "/volume", "--user", user]
        return self.docker("run", "--rm", "--entrypoint", "bash", *place, self.image, "-ec", script).stdout

    def serve(self) -> str:
        """What the table of the first statements holds, asked of the real server."""
        container = f"{self.name}-server"
        command = BRIEF[self.engine].split()[0]
        self.docker("run", "--detach", "--name", container, *self.options(copy=False), self.image, command)
        try:
            for _ in range(600):
                answer = self.docker("exec", container, "bash", "-c", CLIENTS[self.engine], check=False)
                if answer.returncode == 0:
                    return answer.stdout.strip()
                running = self.docker("inspect", "--format", "{{.State.Running}}", container).stdout.strip()
                assert running == "true", self.docker("logs", container).stderr
            raise AssertionError(answer.stderr)
        finally:
            self.docker("stop", "--time", "60", container)
            self.docker("rm", "--force", container)

    def remove(self) -> None:
        self.docker("volume", "rm", "--force", self.name)


def make_volume(engine: str, home: Path) -> Volume:
    volume = Volume(engine, home, f"zz-b-entrypoint-{secrets.token_hex(3)}")
    home.chmod(0o755)
    (home / "password").write_text("word")
    (home / "first.sql").write_text(FIRST_SQL[engine])
    fault = home / "fault"
    fault.mkdir()
    fault.chmod(0o777)
    for name in ("count", "steps"):
        (fault / name).touch()
        (fault / name).chmod(0o666)
    for step in STEPS:
        (fault / step).write_text(SHIM)
        (fault / step).chmod(0o755)
    return volume


@pytest.fixture(params=ENGINES)
def volume(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Volume]:
    volume = make_volume(request.param, tmp_path)
    yield volume
    volume.remove()


@pytest.fixture(scope="module", params=ENGINES)
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Volume]:
    """Of the layout of now, with one table."""
    volume = make_volume(request.param, tmp_path_factory.mktemp("filled"))
    assert volume.enter().returncode == 0
    yield volume
    volume.remove()


@pytest.fixture
def flat(filled: Volume) -> Iterator[Volume]:
    """As an earlier version left it: the volume itself is the data folder."""
    volume = Volume(filled.engine, filled.home, f"zz-b-flat-{secrets.token_hex(3)}")
    source, target = f"{filled.name}:/from:ro", f"{volume.name}:/to"
    copy = "cp --archive /from/generations/000001/. /to/ && chown 999:999 /to && chmod 700 /to"
    volume.docker("run", "--rm", "--user", "0", "--entrypoint", "bash", "--volume", source, "--volume", target, volume.image, "-ec", copy)
    yield volume
    volume.remove()


def layout(volume: Volume) -> list[str]:
    return volume.look(
        f"echo $(readlink current) $(ls generations) $(ls generations/*/{SIGNS[volume.engine]} -d) $(stat -c %a generations/000001); ls -A"
    ).split("\n")[:-1]


def whole(volume: Volume) -> list[str]:
    sign = f"generations/000001/{SIGNS[volume.engine]}"
    return [f"generations/000001 000001 {sign} 700", "current", "generations"]


def test_a_new_volume_gets_its_first_generation(volume: Volume) -> None:
    first = volume.enter()
    assert first.returncode == 0, first.stdout + first.stderr
    assert "initialised" in first.stdout
    assert layout(volume) == whole(volume)
    assert "initialising" not in volume.enter().stdout


@pytest.mark.long
def test_killed_between_any_two_steps_of_its_first_start(volume: Volume) -> None:
    """Always on with the same volume, one step further each time, until nothing was left to kill."""
    killed = 0
    while True:
        answer = volume.enter(kill_at=killed + 1)
        if answer.returncode == 0:
            break
        assert answer.returncode == 137, answer.stdout + answer.stderr
        killed += 1
    assert killed >= 8, volume.steps()
    assert layout(volume) == whole(volume)
    assert volume.serve() == "first"


def test_the_flat_layout_of_an_earlier_version_is_adopted(flat: Volume) -> None:
    answer = flat.enter()
    assert "moving the data folder into generations/000001" in answer.stdout
    assert layout(flat) == whole(flat)
    assert "moving" not in flat.enter().stdout
    assert flat.serve() == "first"


# The steps are those of generations.sh, whatever the engine.
@pytest.mark.engines("postgresql")
@pytest.mark.parametrize("kill_at", range(1, ADOPTION_STEPS + 1))
@pytest.mark.long
def test_killed_between_any_two_steps_of_the_adoption(flat: Volume, kill_at: int) -> None:
    answer = flat.enter(kill_at=kill_at)
    assert answer.returncode == 137, (flat.steps(), answer.stdout, answer.stderr)
    assert flat.enter().returncode == 0
    assert layout(flat) == whole(flat)


def test_the_adoption_has_no_more_steps_than_are_killed(flat: Volume) -> None:
    flat.enter()
    assert len(flat.steps()) == ADOPTION_STEPS, flat.steps()


def test_killed_in_the_middle_of_moving(flat: Volume) -> None:
    flat.look("mkdir -p generations/000001.adopting; mv $(ls -d [a-z]* | grep -v generations | head -3) generations/000001.adopting/")
    assert flat.enter().returncode == 0
    assert layout(flat) == whole(flat)


def test_an_empty_volume_that_is_not_new_is_refused(volume: Volume) -> None:
    """One whose disk is not mounted looks like that."""
    volume.look("chown 999:999 .", user="0")
    answer = volume.enter(copy=False)
    assert answer.returncode == 1
    assert "is not new: left alone. Is the disk with the data mounted and unlocked?" in answer.stderr
    assert volume.look("ls -A") == ""


def test_a_strange_volume_is_refused(volume: Volume) -> None:
    volume.look("echo somebody > else; chown -R 999:999 .", user="0")
    assert "is not new: left alone" in volume.enter().stderr
    assert volume.look("cat else") == "somebody\n"


def test_a_link_that_leads_nowhere_is_refused_and_named(filled: Volume) -> None:
    filled.look("ln -sfn generations/000009 current")
    try:
        answer = filled.enter()
        assert "no data folder at generations/000009 and is not new" in answer.stderr
    finally:
        filled.look("ln -sfn generations/000001 current")
    assert layout(filled) == whole(filled)


# Stands before the server: what a loaded machine makes of the moment before it asks for signals.
SLOW_SERVER = """#!/bin/bash
if [[ $1 != --version ]]; then
  touch /fault/waiting
  until [[ -e /fault/go ]]; do sleep 0.05; done
fi
PATH=${PATH#/fault:} exec "${0##*/}" "$@"
"""


@pytest.fixture
def slow_server(volume: Volume) -> Iterator[str]:
    """A server that was started and does not ask for signals yet; until `go` is there."""
    assert volume.enter().returncode == 0
    server, container = BRIEF[volume.engine].split()[0], f"{volume.name}-early"
    (volume.home / "fault" / server).write_text(SLOW_SERVER)
    (volume.home / "fault" / server).chmod(0o755)
    volume.docker("run", "--detach", "--restart", "always", "--name", container, *volume.options(*volume.fault()), volume.image, server)
    try:
        eventually((volume.home / "fault" / "waiting").exists, "the server's first moment")
        yield container
    finally:
        volume.docker("rm", "--force", "--volumes", container)


def test_a_stop_while_the_server_comes_up_is_not_lost(volume: Volume, slow_server: str) -> None:
    with ThreadPoolExecutor() as pool:
        stopping = pool.submit(stop_server, docker.from_env(), slow_server)
        (volume.home / "fault" / "go").touch()
        stopping.result(timeout=60)
    state = volume.docker("inspect", "--format", "{{.State.Running}} {{.State.ExitCode}}", slow_server).stdout.strip()
    assert state == "false 0", volume.docker("logs", slow_server).stderr


# MariaDB takes the signal and drops it while it comes up: whoever stops it has to say so again.
@pytest.mark.engines("postgresql")
def test_nobody_has_to_stop_postgresql_twice(volume: Volume, slow_server: str) -> None:
    stop = volume.docker("inspect", "--format", "{{.Config.StopSignal}}", slow_server).stdout.strip()
    volume.docker("kill", "--signal", stop, slow_server)
    (volume.home / "fault" / "go").touch()
    ended = subprocess.run(["docker", "wait", slow_server], capture_output=True, text=True, timeout=60, check=True)
    assert ended.stdout.strip() == "0", volume.docker("logs", slow_server).stderr
