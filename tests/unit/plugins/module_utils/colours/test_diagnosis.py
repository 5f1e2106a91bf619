from __future__ import annotations

from ansible_collections.echobase.platform.plugins.module_utils.colours.diagnosis import ContainerReport, FailedStep, diagnosis

NAMES = ["x-frontend", "x-api-gateway", "x-order-processor", "x-localstack"]


def report(name: str, state: str = "running", health: str = "healthy", **further: object) -> ContainerReport:
    values = {"exit_code": 0, "restarts": 0, "health_output": "", "out_of_memory": False, "last_lines": []} | further
    return ContainerReport(name=name, state=state, health=health, **values)  # type: ignore[arg-type]


def test_the_verdict_names_the_container_that_fell_not_those_that_wait_for_it() -> None:
    lines = diagnosis(
        "green",
        FailedStep("Start", "dependency failed to start", 1),
        NAMES,
        [
            report("x-frontend"),
            report("x-order-processor", state="created", health="none"),
            report("x-api-gateway", health="starting"),
            report("x-localstack", state="exited", health="unhealthy", exit_code=1, restarts=4, last_lines=["KeyError: 'kms_key'"]),
        ],
    )
    assert "green did not get ready: x-localstack is exited with exit code 1, restarted 4 times" in lines[0]
    assert "    KeyError: 'kms_key'" in lines


def test_a_container_in_trouble_tells_what_its_health_check_said() -> None:
    lines = diagnosis(
        "green", FailedStep("Start", "", 1), NAMES, [report("x-api-gateway", health="unhealthy", health_output="503 schema too old")]
    )
    assert "x-api-gateway is unhealthy: 503 schema too old" in lines[0]
    assert "not created: x-frontend, x-localstack, x-order-processor" in lines


def test_without_a_container_in_trouble_the_step_itself_is_told() -> None:
    step = FailedStep("Expand the schema", "lock wait timeout\n Network x-network  Created\n", 1)
    lines = diagnosis("green", step, NAMES, [report(name) for name in NAMES])
    assert "step 'Expand the schema' failed: lock wait timeout - traffic" in lines[0]


def test_a_step_that_was_killed_without_a_word_says_so() -> None:
    step = FailedStep("Expand the schema", " Network x-network  Created\n", 137)
    assert "failed: exit code 137, killed: out of memory?" in diagnosis("green", step, NAMES, [report(name) for name in NAMES])[0]
