"""Read from the source: no container is made without limits, and no file system in memory without a size."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.containers.limits import in_memory
from ansible_collections.echobase.platform.plugins.module_utils.database.server_definition import ServerDefinition
from ansible_collections.echobase.platform.plugins.module_utils.engines.registry import engine_named
from ansible_collections.echobase.platform.plugins.module_utils.environment.database_places import ENGINES
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import environment

CHECKOUT = Path(__file__).parents[5]
SOURCES = sorted((CHECKOUT / "plugins/module_utils").rglob("*.py"))
TEMPLATES = [path for path in sorted((CHECKOUT / "roles").glob("*/templates/*.yml.j2")) if "\nservices:\n" in path.read_text()]


def made_containers(tree: ast.AST) -> Iterator[ast.Call]:
    """Calls that say what a container may use: of the Docker SDK's two interfaces."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = ast.unparse(node.func.value)
            if owner.endswith(".containers") and node.func.attr in ("create", "run"):
                yield node
            # What is made like the server's container gets the server's limits after that.
            if node.func.attr == "create_host_config" and not ast.unparse(node).endswith("(mounts=mounts, network_mode=network)"):
                yield node


def test_every_container_that_a_module_makes_has_limits() -> None:
    found = [(path.name, call) for path in SOURCES for call in made_containers(ast.parse(path.read_text()))]
    assert len(found) >= 10
    for name, call in found:
        given = {keyword.arg or ast.unparse(keyword.value) for keyword in call.keywords}
        limited = {"mem_limit", "pids_limit"} <= given or "SMALL_JOB" in given or any(one.startswith("hardened(") for one in given)
        assert limited, f"{name}:{call.lineno} makes a container without limits"
        for keyword in call.keywords:
            if keyword.arg == "tmpfs":
                assert "in_memory(" in ast.unparse(keyword.value), f"{name}:{call.lineno} has a tmpfs without a size"


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: f"{path.parts[-3]}/{path.name}")
def test_every_service_of_a_role_has_limits(template: Path) -> None:
    text = template.read_text()
    assert re.search(r"^ +mem_limit: ", text, re.MULTILINE)
    assert re.search(r"^ +pids_limit: ", text, re.MULTILINE)
    for line in re.findall(r"^ *tmpfs: .*", text, re.MULTILINE):
        assert line.count("size=") == line.count('"') // 2, line


@pytest.mark.parametrize("engine", ENGINES)
def test_a_database_has_limits(engine: str) -> None:
    definition: ServerDefinition = engine_named(engine).definition(env=environment("test"), image="any:1", memory="1g", connections=300)
    [service] = definition.compose["services"].values()
    assert service["mem_limit"] == "1g"
    # A thread or a process for each connection, and then some.
    assert service["pids_limit"] > 300
    assert all("size=" in place for place in service["tmpfs"])


def test_options_of_a_file_system_in_memory() -> None:
    assert in_memory("64m") == "mode=1777,size=64m"
