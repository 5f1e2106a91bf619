"""An examination of this machine: what is the environment's own stands in nobody's way."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer
from typing import Any

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.environment.ports_and_subnets import Placement
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment, environment
from ansible_collections.echobase.platform.plugins.module_utils.preflight.examination import Examination, Needs
from ansible_collections.echobase.platform.plugins.module_utils.preflight.problem import NEEDED, OF_THE_CONTROLLER

LITTLE = Needs("1m", "1m", "1m", "1m")
ME = os.getpid()


@contextmanager
def engine_that_says(folder: Path, answers: dict[str, Any]) -> Iterator[dict[str, str]]:
    """Something that speaks as the engine does; gives the variables that lead to it."""

    class Engine(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(answers.get(self.path)).encode()
            self.send_response(200 if self.path in answers else 500)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

        def address_string(self) -> str:
            return ""

    with ThreadingUnixStreamServer(str(folder / "docker.sock"), Engine) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield {"DOCKER_HOST": f"unix://{folder / 'docker.sock'}"}
        finally:
            server.shutdown()


def container(name: str, environment_name: str, port: int | None = None) -> dict[str, Any]:
    ports = [{"PrivatePort": 3306, "Type": "tcp"}] + ([] if port is None else [{"PrivatePort": 443, "PublicPort": port, "Type": "tcp"}])
    return {"Id": name, "Names": [f"/{name}"], "Labels": {"io.echobase.environment": environment_name}, "Ports": ports}


@pytest.fixture
def listening() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def whose_edge_has(port: int, home: Path) -> Environment:
    return environment("staging", str(home), "", Placement(9, {"edge": port}))


def told(examination: Examination) -> list[str]:
    """Without what this machine itself may lack, and the ports that somebody else has here."""
    found = [problem for problem in examination.problems() if problem.check not in ("host", "root", "compose")]
    return [str(problem) for problem in found if problem.check != "ports" or " (edge) " in problem.cause]


def test_a_stranger_at_a_port_is_named(tmp_path: Path, listening: int) -> None:
    answers = {"/version": {"ApiVersion": "1.45"}, "/containers/json": []}
    with engine_that_says(tmp_path, answers) as variables:
        found = told(Examination("setup", whose_edge_has(listening, tmp_path), needs=LITTLE, environment=variables))
    assert len(found) == 1
    assert found[0].startswith(f"ports: port {listening} (edge) is taken by process {ME} (")


def test_so_is_another_environments_container(tmp_path: Path, listening: int) -> None:
    answers = {"/version": {"ApiVersion": "1.45"}, "/containers/json": [container("echobase-qa-edge", "qa", listening)]}
    with engine_that_says(tmp_path, answers) as variables:
        found = told(Examination("setup", whose_edge_has(listening, tmp_path), needs=LITTLE, environment=variables))
    assert found == [
        f"ports: port {listening} (edge) is taken by container echobase-qa-edge - stop that, or give another edge in echobase_ports"
    ]


def test_the_environments_own_containers_take_nothing_away(tmp_path: Path, listening: int) -> None:
    answers = {"/version": {"ApiVersion": "1.45"}, "/containers/json": [container("own", "staging", listening)]}
    with engine_that_says(tmp_path, answers) as variables:
        assert told(Examination("setup", whose_edge_has(listening, tmp_path), needs=LITTLE, environment=variables)) == []


def test_nor_does_one_that_is_on_the_hosts_own_network(tmp_path: Path, listening: int) -> None:
    answers = {
        "/version": {"ApiVersion": "1.45"},
        "/containers/json": [container("own", "staging")],
        "/containers/own/json": {"HostConfig": {"NetworkMode": "host"}, "State": {"Pid": os.getppid()}},
    }
    # This process is what that container's first one has started.
    with engine_that_says(tmp_path, answers) as variables:
        assert told(Examination("setup", whose_edge_has(listening, tmp_path), needs=LITTLE, environment=variables)) == []


def test_another_environment_with_the_same_index_is_named_once_and_not_port_by_port(tmp_path: Path, listening: int) -> None:
    env = whose_edge_has(listening, tmp_path)
    theirs = {"Labels": {"io.echobase.environment": "qa"}, "IPAM": {"Config": [{"Subnet": env.durable_network.subnet}]}}
    answers = {"/version": {"ApiVersion": "1.45"}, "/containers/json": [], "/networks": [theirs, {"Labels": None, "IPAM": None}]}
    with engine_that_says(tmp_path, answers) as variables:
        found = Examination("setup", env, needs=LITTLE, environment=variables).problems()
    assert [str(problem) for problem in found if problem.check == "ports"] == [
        f"ports: environments staging and qa both have subnet {env.durable_network.subnet}"
        " - give one of them another echobase_index, or another block in echobase_subnets"
    ]


def test_more_room_is_needed_where_nothing_runs_yet(tmp_path: Path) -> None:
    needs = Needs(first_disk="900t", disk="1m", first_memory="900t", memory="1m")
    answers: dict[str, Any] = {"/version": {"ApiVersion": "1.45"}, "/containers/json": []}
    with engine_that_says(tmp_path, answers) as variables:
        first = told(Examination("setup", environment("test"), str(tmp_path), needs=needs, environment=variables))
        later = told(Examination("change", environment("test"), str(tmp_path), needs=needs, environment=variables))
    assert {line.partition(":")[0] for line in first if "preflight_first_" in line} == {"disk", "memory"}
    assert later == []


def test_what_is_urgent_is_not_held_up_by_a_full_disk_or_an_engine_that_is_down(tmp_path: Path) -> None:
    variables = {"DOCKER_HOST": f"unix://{tmp_path / 'nobody.sock'}"}
    needs = Needs("900t", "900t", "900t", "900t")
    assert told(Examination("urgent", environment("test"), needs=needs, environment=variables)) == []
    kinds = {line.partition(":")[0] for line in told(Examination("look", environment("test"), needs=needs, environment=variables))}
    assert kinds == {"engine", "disk", "memory"}


def test_python_packages_that_are_missing_or_too_old() -> None:
    found = told(Examination("urgent", None, packages={"docker": "999", "nosuchpackage": ""}, managed="/opt/echobase/python/bin/python"))
    assert len(found) == 1
    assert "no nosuchpackage" in found[0]
    assert "older than 999" in found[0]


def test_all_problems_are_told_at_once(tmp_path: Path, listening: int) -> None:
    variables = {"DOCKER_HOST": f"unix://{tmp_path / 'nobody.sock'}"}
    examination = Examination(
        "setup",
        whose_edge_has(listening, tmp_path),
        "/",
        ["no name"],
        {"nosuchpackage": ""},
        "",
        Needs("900t", "1m", "1m", "1m"),
        variables,
    )
    assert {line.partition(":")[0] for line in told(examination)} == {"python", "disk", "ports", "names"}


def test_each_check_that_a_purpose_needs_is_there() -> None:
    missing = {check for needed in NEEDED.values() for check in needed if not hasattr(Examination, f"_{check}")}
    assert missing == set(OF_THE_CONTROLLER)
