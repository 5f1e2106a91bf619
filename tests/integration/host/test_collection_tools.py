"""What others do to a collection before they use it: Galaxy imports it, antsibull reads it, execution environments are built with it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from areas import CHECKOUT
from harness.images_under_test import image_tag
from harness.installed_collection import Project, build_tarball, repacked
from harness.virtual_environments import environment_with

pytestmark = pytest.mark.long

# galaxy-importer's one warning: ansible-test's exceptions, each of which says in its line why it is there.
IGNORED = re.compile(r"WARNING: Ignore files skip ansible-test sanity tests, found ignore-[\d.]+\.txt with \d+ statement\(s\)")
# By it the images of all stages are found again.
EE_LABEL = "echobase.test=execution-environment"
EE_IMAGE = "echobase-test/execution-environment:latest"


@pytest.fixture(scope="module")
def tarball(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tarball(tmp_path_factory.mktemp("build"))


@pytest.fixture(scope="module")
def project(tarball: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project.with_tarball(tmp_path_factory.mktemp("project"), tarball)


def run(tools: Path, *command: str | Path, folder: Path = CHECKOUT, **settings: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH" and not name.startswith("ANSIBLE_")}
    environment = kept | {"PATH": f"{tools}:{kept['PATH']}"} | settings
    return subprocess.run(
        [str(word) for word in command], cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )


def test_galaxy_imports_the_collection(tarball: Path) -> None:
    tools = environment_with("galaxy-importer==0.4.44")
    # Our own linters look at that.
    settings = {"GALAXY_IMPORTER_RUN_FLAKE8": "false", "GALAXY_IMPORTER_RUN_ANSIBLE_LINT": "false"}
    done = run(tools, tools / "python", "-m", "galaxy_importer.main", tarball, folder=tarball.parent, **settings)
    told = done.stdout + done.stderr
    assert done.returncode == 0, told
    assert "Importer processing completed successfully" in told
    problems = [line for line in told.splitlines() if line.startswith(("WARNING", "ERROR"))]
    assert [line for line in problems if not IGNORED.match(line)] == []


def test_the_documentation_says_nothing_that_is_wrong_for_antsibull(project: Project) -> None:
    tools = environment_with("antsibull-docs==2.28.0", "ansible-core==2.19.*")
    settings = {"ANSIBLE_COLLECTIONS_PATH": str(project.folder / "collections")}
    done = run(tools, "antsibull-docs", "lint-collection-docs", CHECKOUT, "--plugin-docs", **settings)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_the_changelog_is_one_for_antsibull() -> None:
    done = run(environment_with("antsibull-changelog==0.36.0"), "antsibull-changelog", "lint")
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_an_execution_environment_is_asked_for_what_the_plugins_need(project: Project) -> None:
    tools = environment_with("ansible-builder==3.2.0")
    done = run(tools, "ansible-builder", "introspect", project.folder / "collections")
    assert done.returncode == 0, done.stdout + done.stderr
    found = yaml.safe_load(done.stdout)
    ours = {
        kind: [need for need in needs or [] if "echobase.platform" in str(need)] for kind, needs in found.items() if kind != "collections"
    }
    assert {kind: len(needs) for kind, needs in ours.items()} == {"python": 0, "system": 2}, done.stdout
    assert "--hash" not in done.stdout


@pytest.fixture(scope="module")
def execution_environment(tarball: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Built from the example, with what an example cannot say: images, collections and trust are those of this machine."""
    folder = tmp_path_factory.mktemp("ee")
    shutil.copy(tarball, folder)
    authorities = "/etc/ssl/certs/ca-certificates.crt"
    definition = yaml.safe_load((CHECKOUT / "execution-environment.yml").read_text())
    others = [repacked(name, folder) for name in ("community.docker", "community.library_inventory_filtering_v1")]
    (ours, _) = definition["dependencies"]["galaxy"]["collections"]
    assert Path(ours["name"]).name == tarball.name
    definition["dependencies"]["galaxy"]["collections"] = [
        ours,
        *({"name": f"collections/{other.name}", "type": "file"} for other in others),
    ]
    definition["additional_build_files"].append({"src": authorities, "dest": "trust"})
    definition["additional_build_steps"]["prepend_base"] += [
        f"COPY _build/trust/{Path(authorities).name} {authorities}",
        f"ENV PIP_CERT={authorities}",
        f"LABEL {EE_LABEL}",
    ]
    (folder / "execution-environment.yml").write_text(yaml.safe_dump(definition))
    arguments = {"EE_BASE_IMAGE": image_tag("python"), "ANSIBLE_GALAXY_CLI_COLLECTION_OPTS": "--offline"}
    words = [word for name, value in arguments.items() for word in ("--build-arg", f"{name}={value}")]
    build = ["ansible-builder", "build", "--container-runtime", "docker", "-t", EE_IMAGE, "-v", "3", *words]
    try:
        done = run(environment_with("ansible-builder==3.2.0"), *build, folder=folder, DOCKER_BUILDKIT="0")
        assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
        yield EE_IMAGE
    finally:
        for command in (["rmi", "--force", EE_IMAGE], ["image", "prune", "--force", "--filter", f"label={EE_LABEL}"]):
            subprocess.run(["docker", *command], capture_output=True, check=False)


def test_the_example_becomes_an_execution_environment_that_runs_the_playbooks(execution_environment: str, project: Project) -> None:
    inside = ["docker", "run", "--rm", "--network", "none", "-v", f"{project.folder / 'inventory.yml'}:/runner/inventory.yml:ro"]

    def said(*command: str, code: int = 0) -> str:
        done = subprocess.run(
            [*inside, execution_environment, *command], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    checked = said("ansible-playbook", "-i", "inventory.yml", "--syntax-check", *project.playbooks)
    assert len(re.findall(r"^playbook: ", checked, re.M)) == len(project.playbooks)
    # There is no host behind it, so the way to one, which every job takes, is tried up to the door.
    unreachable = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 9}
    refused = said("ansible-playbook", "-i", "inventory.yml", "-e", json.dumps(unreachable), "echobase.platform.status", code=4)
    assert "Connection refused" in refused
