"""Modules bluegreen_switch and bluegreen_info on environment test: real containers, real answers, a real table."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.application.definition import Definition
from ansible_collections.echobase.platform.plugins.module_utils.application.stored import StoredDefinitions
from ansible_collections.echobase.platform.plugins.module_utils.environment.ports_and_subnets import COLOURS
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import as_facts, environment
from ansible_collections.echobase.platform.plugins.module_utils.traffic.nginx_routes import NginxRoutes
from ansible_collections.echobase.platform.plugins.module_utils.traffic.weights import EMPTY, Weights
from harness.application_under_test import store_definition
from harness.colour_under_test import ColourUnderTest, running_colour
from harness.images_under_test import image_tag
from harness.module_runner import RunningModule, run_module
from harness.throwaway_tls import make_certificates
from harness.waiting import eventually

# The services of the order system, from whose definition the colours are.
SERVICES = ("api-gateway", "frontend", "localstack", "order-processor")
# The colours' addresses are then this machine's own, and the tests answer there.
NETWORK_PREFIX = "127.78"
# Nobody has it.
FREE_PORT = 47643


class Scene:
    """Environment test in a throw-away state folder, with both colours up."""

    def __init__(self, home: Path) -> None:
        self.env = environment("test", str(home), NETWORK_PREFIX)
        self.facts = as_facts(self.env)
        self.options = {"environment": "test", "home": str(home), "network_prefix": NETWORK_PREFIX}
        self.routes = NginxRoutes(self.env.path("routes"))

    def switch(self, check: bool = False, **options: Any) -> dict[str, Any]:
        return run_module("bluegreen_switch", self.options | {"health_timeout": 2} | options, check)

    def info(self, **options: Any) -> dict[str, Any]:
        return run_module("bluegreen_info", self.options | options)

    def start_containers(self, colour: str, services: Sequence[str] = SERVICES) -> None:
        place = self.env.colour(colour)
        for service in services:
            labels = {
                "com.docker.compose.project": place.project,
                "com.docker.compose.oneoff": "False",
                "io.echobase.release": "0.9.0-label",
            }
            arguments = [argument for label in labels.items() for argument in ("--label", "=".join(label))]
            docker(
                "run",
                "--detach",
                "--network=none",
                f"--name={place.container(service)}",
                *arguments,
                image_tag("nginx"),
                "sleep",
                "infinity",
            )

    def remove_containers(self, colour: str, services: Sequence[str] = SERVICES) -> None:
        place = self.env.colour(colour)
        docker("rm", "--force", *(place.container(service) for service in services))


def docker(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    scene = Scene(tmp_path_factory.mktemp("bluegreen"))
    make_certificates(Path(scene.env.path("tls")), [colour.tls_name for colour in scene.env.colours.values()])
    store_definition(scene.env)
    started = []
    try:
        for colour in COLOURS:
            scene.start_containers(colour)
            started.append(colour)
        yield scene
    finally:
        for colour in started:
            scene.remove_containers(colour)


@pytest.fixture
def colours(scene: Scene) -> Iterator[dict[str, ColourUnderTest]]:
    with running_colour(scene.facts, "blue") as blue, running_colour(scene.facts, "green") as green:
        yield {"blue": blue, "green": green}


@pytest.fixture(autouse=True)
def blue_is_live(scene: Scene, colours: dict[str, ColourUnderTest]) -> None:
    scene.routes.initialise()
    scene.routes.commit(scene.routes.prepare(Weights.all_to("blue")))


@pytest.mark.parametrize(
    ("options", "weights"),
    [
        ({"to": "green"}, {"blue": 0, "green": 100}),
        ({"weights": {"blue": 80, "green": 20}, "purpose": "canary"}, {"blue": 80, "green": 20}),
        ({"empty": True}, {"blue": 0, "green": 0}),
        ({"to": "green", "purpose": "rollback"}, {"blue": 0, "green": 100}),
        ({"maintenance": True}, {"blue": 100, "green": 0}),
        ({"to": "green", "maintenance": True}, {"blue": 0, "green": 100}),
    ],
    ids=["to", "weights", "empty", "rollback", "maintenance", "maintenance and to"],
)
def test_each_state_twice_with_check_and_diff(scene: Scene, options: dict[str, Any], weights: dict[str, int]) -> None:
    before = scene.routes.current()
    predicted = scene.switch(check=True, **options)
    assert scene.routes.current() == before
    first = scene.switch(**options)
    assert (first["changed"], first["before"], first["after"]["weights"]) == (True, before.as_dict(), weights)
    assert first["after"] == scene.routes.current().as_dict()
    assert first["switch_microseconds"] > 0
    assert f"green: {weights['green']}%\n" in first["diff"]["after"]
    assert (predicted["changed"], predicted["diff"], predicted["after"]) == (True, first["diff"], first["after"])
    second = scene.switch(**options)
    assert (second["changed"], second["before"], second["after"]) == (False, first["after"], first["after"])
    assert second["diff"]["before"] == second["diff"]["after"]
    assert not scene.switch(check=True, **options)["changed"]


@pytest.mark.parametrize("check", [False, True], ids=["apply", "check"])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"to": "purple"}, "unknown colour 'purple' - choose one of blue, green"),
        (
            {"weights": {"blue": 80, "green": 30}},
            "malformed weights: {'blue': 80, 'green': 30} sum to 110 - give whole numbers that sum to 100",
        ),
        ({"weights": {"blue": 80, "red": 20}}, "malformed weights: unknown colour 'red' - choose one of blue, green"),
        ({"weights": {"blue": "half", "green": 50}}, "malformed weights: blue is 'half' - give whole numbers"),
        ({"to": "green", "environment": "prod"}, "unknown environment 'prod' - choose one of devlocal, ci, test"),
        ({"to": "green", "endpoints": {"red": {}}}, "unknown colour 'red' - choose one of blue, green"),
    ],
)
def test_wrong_input_is_one_line_and_changes_nothing(scene: Scene, options: dict[str, Any], message: str, check: bool) -> None:
    before = scene.routes.current()
    answer = scene.switch(check=check, **options)
    assert answer["failed"]
    assert answer["msg"].startswith(message)
    assert "\n" not in answer["msg"]
    assert scene.routes.current() == before


def test_an_unready_colour_gets_no_traffic_except_by_a_rollback(scene: Scene, colours: dict[str, ColourUnderTest]) -> None:
    # As when the database is away: the gateway lives, but is not ready.
    colours["green"].statuses["/ready"] = 503
    for purpose in ("promote", "canary"):
        for check in (False, True):
            refused = scene.switch(check=check, to="green", purpose=purpose)
            assert refused["msg"].startswith(
                f"green cannot take traffic: https://{scene.env.colour('green').edge_addresses[1]}:8443/ready answered 503"
            )
    assert scene.routes.current().weights == Weights.all_to("blue")
    assert scene.switch(to="green", purpose="rollback")["changed"]


def test_a_dead_colour_is_no_way_back_but_by_breaking_the_glass(scene: Scene, colours: dict[str, ColourUnderTest]) -> None:
    colours["green"].statuses["/health"] = 503
    assert "answered 503" in scene.switch(to="green", purpose="rollback")["msg"]
    opened = scene.switch(to="green", purpose="rollback", break_glass="blue corrupts orders")
    assert (opened["changed"], opened["break_glass"]) == (True, "blue corrupts orders")
    assert "answered 503" in opened["overridden"][0]


def test_a_colour_that_hangs_is_refused_in_time(scene: Scene, colours: dict[str, ColourUnderTest]) -> None:
    colours["green"].stop()
    assert "no answer" in scene.switch(to="green")["msg"]


def test_the_other_colours_certificate_does_not_pass(scene: Scene, colours: dict[str, ColourUnderTest]) -> None:
    place = scene.env.colour("blue")
    # Blue answers well, but it is not green.
    endpoints = {"green": {"api-gateway": f"https://{place.edge_addresses[1]}:8443", "frontend": f"https://{place.edge_addresses[0]}:8443"}}
    assert "CERTIFICATE_VERIFY_FAILED" in scene.switch(to="green", endpoints=endpoints)["msg"]


def test_without_its_processor_a_colour_is_no_candidate_but_a_way_back(scene: Scene) -> None:
    container = scene.env.colour("green").container("order-processor")
    docker("stop", "--time=0", container)
    try:
        assert f"{container} is not running" in scene.switch(to="green")["msg"]
        assert scene.switch(to="green", purpose="rollback")["changed"]
    finally:
        docker("start", container)


def test_stopped_and_removed_colours_are_refused(scene: Scene) -> None:
    container = scene.env.colour("green").container("api-gateway")
    docker("stop", "--time=0", container)
    assert scene.switch(to="green")["msg"].startswith(f"green cannot take traffic: {container} is not running - ")
    scene.remove_containers("green")
    try:
        assert scene.switch(to="green", purpose="rollback")["msg"].startswith("green cannot take traffic: green has no containers - ")
        info = scene.info()["colours"]["green"]
        assert (info["containers"], info["running"], info["ready"], info["problem"]) == ([], False, False, "green has no containers")
    finally:
        scene.start_containers("green")


def test_maintenance_keeps_the_weights_and_a_rollback_under_it_changes_them(scene: Scene, colours: dict[str, ColourUnderTest]) -> None:
    scene.switch(weights={"blue": 80, "green": 20}, purpose="canary")
    closed = scene.switch(maintenance=True)
    assert (closed["maintenance"], closed["candidate"], closed["live"]) == (True, "green", ["blue", "green"])
    assert "maintenance: on\n" in closed["diff"]["after"]
    info = scene.info()
    assert (info["maintenance"], info["candidate"], info["stable"], info["weights"]) == (True, "green", "blue", {"blue": 80, "green": 20})
    back = scene.switch(to="blue", purpose="rollback")
    assert (back["changed"], back["maintenance"], back["candidate"]) == (True, True, "")
    colours["blue"].statuses["/ready"] = 503
    assert scene.switch(maintenance=False)["msg"].startswith("blue cannot take traffic: ")
    colours["blue"].statuses.clear()
    opened = scene.switch(maintenance=False)
    assert (opened["changed"], opened["maintenance"], opened["after"]["weights"]) == (True, False, {"blue": 100, "green": 0})


def test_it_waits_for_the_last_answer(scene: Scene, colours: dict[str, ColourUnderTest]) -> None:
    colours["blue"].in_flight = 1
    running = RunningModule("bluegreen_switch", scene.options | {"to": "green", "drain_seconds": 300})
    eventually(lambda: scene.routes.current().weights == Weights.all_to("green"), "traffic has moved")
    colours["blue"].in_flight = 0
    answer = running.answer()
    assert answer["drained"]["blue"]["in_flight"] == 0
    assert "warnings" not in answer


def test_an_answer_that_takes_too_long_is_told_and_is_no_error(scene: Scene, colours: dict[str, ColourUnderTest]) -> None:
    colours["blue"].in_flight = 2
    answer = scene.switch(to="green", drain_seconds=0.5)
    # Two at its gateway, two at its front end.
    assert (answer["changed"], answer["drained"]["blue"]["in_flight"]) == (True, 4)
    assert "traffic left blue, which after " in str(answer["warnings"])
    assert scene.info()["colours"]["blue"]["in_flight"] == {"api-gateway": 2, "frontend": 2}
    assert scene.switch(to="blue", drain_seconds=0)["drained"] == {}


def test_a_colour_that_does_not_count_is_not_waited_for(scene: Scene, colours: dict[str, ColourUnderTest]) -> None:
    colours["blue"].statuses["/in-flight"] = 503
    answer = scene.switch(to="green", drain_seconds=300)
    assert answer["drained"]["blue"]["in_flight"] is None
    assert "/in-flight answered 503" in answer["drained"]["blue"]["problem"]
    assert scene.info()["colours"]["blue"]["in_flight"] == {"api-gateway": None, "frontend": None}


def test_an_outdated_run_cannot_flip_traffic_back(scene: Scene) -> None:
    assert scene.switch(to="green", fencing_number=41)["changed"]
    assert scene.switch(to="blue", fencing_number=40)["msg"].startswith("fencing number 40 is outdated, 41 was here already")
    assert scene.routes.current().weights == Weights.all_to("green")


def test_info_tells_everything_and_changes_nothing(scene: Scene, colours: dict[str, ColourUnderTest]) -> None:
    scene.routes.commit(scene.routes.prepare(Weights(80, 20)))
    colours["green"].statuses["/ready"] = 503
    colours["green"].release = "1.1.0-next"
    info = scene.info()
    assert not info["changed"]
    assert (info["weights"], info["live"], info["idle"]) == ({"blue": 80, "green": 20}, ["blue", "green"], "")
    assert (info["candidate"], info["stable"], info["maintenance"], info["undecided"]) == ("green", "blue", False, {})
    assert info["generation"] == scene.routes.current().number
    assert info["table"] == {"readable": True, "problem": ""}
    assert (info["edge"]["running"], info["edge"]["ready"]) == (False, False)
    blue, green = info["colours"]["blue"], info["colours"]["green"]
    assert [container["name"] for container in blue["containers"]] == sorted(scene.env.colour("blue").container(name) for name in SERVICES)
    assert (blue["ready"], blue["release"], blue["version"]) == (True, "1.0.0-test", "1.0.0")
    assert blue["in_flight"] == {"api-gateway": 0, "frontend": 0}
    assert blue["schema"] == {"expand": "0002", "contract": None}
    assert (green["running"], green["ready"], green["release"]) == (True, False, "1.1.0-next")
    assert "/ready answered 503" in green["problem"]
    colours["green"].stop()
    assert scene.info()["colours"]["green"]["release"] == "0.9.0-label"


def test_info_before_setup_says_that_blue_is_next(scene: Scene, tmp_path: Path) -> None:
    info = scene.info(home=str(tmp_path))
    assert (info["live"], info["idle"], info["generation"], info["weights"]) == ([], "blue", 0, EMPTY.as_dict())


def test_a_broken_table_stops_whoever_asks_and_can_be_repaired(scene: Scene) -> None:
    Path(scene.env.path("routes", "current")).unlink()
    assert scene.info()["msg"].startswith("the routing table is broken: ")
    tolerated = scene.info(tolerate_broken_table=True)
    assert not tolerated["table"]["readable"]
    assert "repair: true" in tolerated["table"]["problem"]
    assert scene.switch(to="green")["msg"].startswith("the routing table is broken: ")
    assert scene.switch(to="green", repair=True)["changed"]
    assert scene.info()["live"] == ["green"]


def test_what_several_edges_agreed_on_may_be_damaged_and_status_goes_on(scene: Scene) -> None:
    undecided = Path(scene.env.path("routes", "undecided"))
    undecided.write_text("{")
    try:
        assert f"{undecided} cannot be understood" in scene.info()["msg"]
        tolerated = scene.info(tolerate_broken_table=True)
        assert f"{undecided} cannot be understood" in tolerated["table"]["problem"]
        assert tolerated["colours"]["green"]["ready"]
    finally:
        undecided.unlink()


STRANGER = {
    "services": {"site": {"image": "site"}, "worker": {"image": "worker"}},
    "x-echobase": {"routes": {"/": "site:8080"}},
}


@pytest.fixture
def stranger(scene: Scene) -> Iterator[ColourUnderTest]:
    """Green is an application that says nothing of itself: no health, no counter, no name, no TLS. Blue stays what it was."""
    blue = StoredDefinitions(scene.env).written("blue")
    store_definition(scene.env, STRANGER)
    StoredDefinitions(scene.env).write("blue", blue)
    scene.start_containers("green", ["site", "worker"])
    try:
        with running_colour(scene.facts, "green", Definition.of(STRANGER).settings) as green:
            yield green
    finally:
        scene.remove_containers("green", ["site", "worker"])
        store_definition(scene.env)


def test_a_stranger_is_fit_when_it_runs_and_takes_connections(scene: Scene, stranger: ColourUnderTest) -> None:
    assert scene.switch(to="green")["changed"]
    info = scene.info()["colours"]["green"]
    assert (info["ready"], info["services"], info["in_flight"], info["release"]) == (True, ["site", "worker"], {}, "0.9.0-label")
    scene.routes.commit(scene.routes.prepare(Weights.all_to("blue")))
    stranger.stop()
    assert "no answer" in scene.switch(to="green")["msg"]
    assert "no answer" in scene.switch(to="green", purpose="rollback")["msg"]


def test_a_strangers_worker_is_needed_by_a_candidate_alone(scene: Scene, stranger: ColourUnderTest) -> None:
    container = scene.env.colour("green").container("worker")
    docker("stop", "--time=0", container)
    assert f"{container} is not running" in scene.switch(to="green")["msg"]
    assert scene.switch(to="green", purpose="rollback")["changed"]


def test_a_stranger_is_drained_by_the_connections_to_it(scene: Scene, stranger: ColourUnderTest) -> None:
    scene.routes.commit(scene.routes.prepare(Weights.all_to("green")))
    place = (scene.env.colour("green").edge_addresses[0], 8080)
    with socket.create_connection(place):
        still = scene.switch(to="blue", drain_seconds=0.5)["drained"]["green"]
        assert (still["in_flight"], still["problem"], still["by"]) == (None, "", {"site": "connections"})
        assert still["seconds"] >= 0.5
    scene.routes.commit(scene.routes.prepare(Weights.all_to("green")))
    gone = scene.switch(to="blue", drain_seconds=300)
    assert gone["drained"]["green"]["by"] == {"site": "connections"}
    assert gone["drained"]["green"]["seconds"] < 100
    assert "warnings" not in gone


def test_without_a_smoke_job_a_strangers_readiness_is_the_proof(scene: Scene, stranger: ColourUnderTest) -> None:
    """Its own answers stand for the edge's."""
    edge = ColourUnderTest("green", {"edge": "127.0.0.1"}, Path(scene.env.path("tls", "edge")), port=FREE_PORT, tells_its_name=False)
    edge.start()
    options = scene.options | {"ports": {"edge": FREE_PORT}, "colour": "green", "entrance": "public", "depth": "write"}
    try:
        proved = run_module("smoke_test", options)
        assert (proved["changed"], proved["proof"], proved["passed"]) == (False, "readiness", ["the page", "readiness of each service"])
        edge.statuses["/"] = 502
        refused = run_module("smoke_test", options)["msg"]
        assert refused.startswith(f"smoke test of green through port {FREE_PORT}: the page: / answered 502 - traffic was not moved")
        edge.statuses.clear()
        stranger.stop()
        assert run_module("smoke_test", options)["msg"].startswith("green is not ready: http://")
    finally:
        edge.stop()


def test_a_colour_of_before_is_told_to_be_deployed_again(scene: Scene) -> None:
    Path(scene.env.path("application", "green.json")).unlink()
    try:
        assert "green was deployed before it was recorded what a colour is made from: deploy it again" in scene.switch(to="green")["msg"]
        info = scene.info()["colours"]["green"]
        assert (info["ready"], len(info["containers"]), info["release"]) == (False, len(SERVICES), "0.9.0-label")
        assert info["problem"].startswith("green was deployed before")
        # Whoever knows better goes there all the same.
        assert scene.switch(to="green", purpose="rollback", break_glass="I know it")["changed"]
        back = scene.switch(to="blue", drain_seconds=300)
        assert back["drained"]["green"]["problem"].startswith("green was deployed before")
    finally:
        store_definition(scene.env)
