"""Why does a colour not get ready? Which container, what it says of itself, its last words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import docker_client

LAST_LINES = 15


# What Compose says of its own work, and Ansible of a command without words, explains no failure.
_NO_REASON = re.compile(r"^\s*(Network|Container|Volume)\s+\S+\s+(Creat|Start|Runn|Recreat|Wait|Health)\w+\s*$|Unknown error")
_KILLED = 137
# How PostgreSQL and MariaDB say that an account may not make or change a table.
_MAY_NOT = re.compile(r"permission denied for schema|must be owner of|\b(CREATE|ALTER|DROP|INDEX|REFERENCES) command denied to user", re.I)


@dataclass(frozen=True)
class FailedStep:
    """The step that failed, as the playbook knows it."""

    name: str
    message: str
    exit_code: int

    @property
    def words(self) -> list[str]:
        return [line for line in self.message.strip().splitlines() if line.strip() and not _NO_REASON.search(line)]

    @property
    def reason(self) -> str:
        if self.words:
            return self.words[-1].strip()
        return f"exit code {self.exit_code}" + (", killed: out of memory?" if self.exit_code == _KILLED else "")


@dataclass(frozen=True)
class ContainerReport:
    name: str
    state: str
    health: str
    exit_code: int
    restarts: int
    health_output: str
    out_of_memory: bool
    last_lines: Sequence[str]

    @property
    def is_well(self) -> bool:
        return self.state == "running" and self.health in ("healthy", "none")

    @property
    def reason(self) -> str:
        if self.state == "running":
            condition = "is still starting" if self.health == "starting" else f"is {self.health}"
        else:
            condition = f"is {self.state} with exit code {self.exit_code}"
        if self.restarts:
            condition += f", restarted {self.restarts} times"
        if self.out_of_memory:
            condition += ", ran out of memory"
        return f"{condition}: {self.health_output}" if self.health_output else condition


def reports_of(project: str) -> list[ContainerReport]:
    labels = [f"com.docker.compose.project={project}", "com.docker.compose.oneoff=False"]
    return [_report(container) for container in docker_client().containers.list(all=True, filters={"label": labels})]


def _report(container: Any) -> ContainerReport:
    state = container.attrs["State"]
    health = state.get("Health") or {}
    failed = [check["Output"].strip() for check in health.get("Log") or [] if check["ExitCode"] and check["Output"].strip()]
    return ContainerReport(
        name=container.name,
        state=state["Status"],
        health=health.get("Status", "none"),
        exit_code=int(state.get("ExitCode", 0)),
        restarts=int(container.attrs.get("RestartCount", 0)),
        health_output=failed[-1].splitlines()[-1] if failed else "",
        out_of_memory=bool(state.get("OOMKilled")),
        last_lines=container.logs(tail=LAST_LINES).decode(errors="replace").splitlines(),
    )


def diagnosis(colour: str, step: FailedStep, expected: Sequence[str], reports: Sequence[ContainerReport]) -> list[str]:
    """First the verdict in one line, then each container in trouble with its last words."""
    troubled = [report for report in reports if not report.is_well]
    missing = sorted(set(expected) - {report.name for report in reports})
    if troubled:
        # A container that fell is the cause, one that merely waits is a consequence.
        culprit = min(
            troubled, key=lambda report: (report.state == "created", report.health == "starting", report.name not in step.message)
        )
        verdict = f"{culprit.name} {culprit.reason}"
    else:
        verdict = f"step '{step.name}' failed: {step.reason}"
    remedy = f"traffic and the other colour are untouched; remove that cause, then run {playbook('deploy')} again"
    lines = [f"{colour} did not get ready: {verdict} - {remedy}"]
    for report in troubled:
        lines.append(f"{report.name} {report.reason}; its last lines:")
        lines.extend(f"    {line}" for line in report.last_lines)
    if any(_MAY_NOT.search(line) for report in troubled for line in report.last_lines):
        lines.append(
            "it changes the schema by itself, which its account may not: name the service under database.changes_schema in x-echobase,"
            " or the command that does it under jobs.expand, which is tried on a copy first (docs/operate/migrations.md)"
        )
    if missing:
        lines.append(f"not created: {', '.join(missing)}")
    if not troubled:
        lines.extend(f"    {line}" for line in step.words[-LAST_LINES:])
    return lines
