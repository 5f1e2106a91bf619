"""The tarball in a project that is not ours: what it holds, and that its playbooks run by their full names, from the oldest ansible-core
that is allowed to the newest that can be had, with readable output under every callback."""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.images.catalogue import ImageCatalogue
from areas import CHECKOUT
from harness.installed_collection import NAME, Core, Project, build_tarball, newest_core, oldest_core

# What a user needs, by its first name. Another one is left out in galaxy.yml, or gets its place here.
FILES = {"FILES.json", "LICENSE", "MANIFEST.json", "README.md", "execution-environment.yml"}
FOLDERS = {"apps", "changelogs", "docs", "images", "inventories", "meta", "playbooks", "plugins", "roles", "tests"}
# Bytes; it was 1.25 million when this was written, half of it lock files of what the images hold.
LARGEST = 1_600_000
# These look whether they can do what they were asked before they change anything.
REFUSED = {
    "promote": "there is no candidate to promote - run `{run} echobase.platform.deploy` first",
    "rollback": "deploy the version you want with `{run} echobase.platform.deploy`",
    "dead_letters": "nothing is live, so nobody can look at dead letters - `{run} echobase.platform.deploy` first",
    "maintenance": "maintenance is '' - say maintenance=on or maintenance=off",
}
# The story of a run under our own callbacks, which a project may choose.
OURS = {"stdout_callback": f"{NAME}.story", "callbacks_enabled": f"{NAME}.progress,{NAME}.trace"}


@pytest.fixture(scope="module")
def tarball(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tarball(tmp_path_factory.mktemp("build"))


@pytest.fixture(scope="module")
def project(tarball: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project.with_tarball(tmp_path_factory.mktemp("project"), tarball)


@pytest.fixture(
    scope="module",
    params=["usual", pytest.param("oldest", marks=pytest.mark.long), pytest.param("newest", marks=pytest.mark.long)],
)
def core(request: pytest.FixtureRequest) -> Iterator[Core | None]:
    yield {"usual": lambda: None, "oldest": oldest_core, "newest": newest_core}[request.param]()


def test_the_tarball_holds_what_users_need_and_nothing_else(tarball: Path) -> None:
    with tarfile.open(tarball) as content:
        names = [name for name in content.getnames() if name]
    assert {name.split("/")[0] for name in names} == FILES | FOLDERS
    assert {name.split("/")[1] for name in names if name.startswith("tests/")} == {"sanity", "config.yml"}
    assert [name for name in names if {"node_modules", "__pycache__", "dist", "decisions"} & set(name.split("/"))] == []
    assert tarball.stat().st_size < LARGEST


def test_images_have_the_same_names_as_in_the_checkout(project: Project) -> None:
    """They are named by their contents: not one file of one context is missing, or another."""
    here, there = (ImageCatalogue.load(root / "images" / "catalogue.yml", "") for root in (CHECKOUT, project.collection))
    assert {name: there.tag(name) for name in there.built_names} == {name: here.tag(name) for name in here.built_names}


def test_every_playbook_is_found_by_its_full_name(project: Project, core: Core | None) -> None:
    done = project.run("--syntax-check", *project.playbooks, core=core)
    assert done.returncode == 0, done.stderr
    assert len(re.findall(r"^playbook: ", done.stdout, re.M)) == len(project.playbooks)
    assert "WARNING" not in done.stderr, done.stderr


@pytest.mark.parametrize(("callback", "form"), [("default", "json"), ("minimal", "yaml")])
def test_status_is_readable_under_every_callback(project: Project, core: Core | None, callback: str, form: str) -> None:
    done = project.run(f"{NAME}.status", core=core, stdout_callback=callback, callback_result_format=form)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^\W*TRAFFIC   nothing is live", done.stdout, re.M)
    assert "\\n" not in done.stdout


def test_a_file_of_the_project_with_two_lines_runs_a_playbook(project: Project) -> None:
    """That is how AWX gets at one: a job template names a file."""
    (project.folder / "look.yml").write_text(f"---\n- import_playbook: {NAME}.status\n")
    done = project.run("look.yml")
    assert done.returncode == 0 and "TRAFFIC   nothing is live" in done.stdout, done.stdout + done.stderr


def test_status_is_one_screen_under_our_callbacks(project: Project, core: Core | None) -> None:
    done = project.run(f"{NAME}.status", core=core, **OURS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^TRAFFIC   nothing is live", done.stdout, re.M)
    # Ansible only warns of a callback that fails.
    assert "WARNING" not in done.stdout + done.stderr


@pytest.mark.parametrize("playbook", REFUSED)
def test_a_refusal_names_the_command_that_works_here(project: Project, core: Core | None, playbook: str) -> None:
    done = project.run(f"{NAME}.{playbook}", core=core)
    assert done.returncode == 2, done.stdout + done.stderr
    (message,) = re.findall(r'"msg": "(.*?)"', done.stdout)
    assert message.endswith(REFUSED[playbook].format(run="ansible-playbook -i inventory.yml"))
    assert "Traceback" not in done.stdout + done.stderr


def test_a_compose_file_of_the_project_becomes_an_application(project: Project, core: Core | None, tmp_path: Path) -> None:
    compose = tmp_path / "compose.yml"
    compose.write_text("services:\n  web:\n    image: nginx\n    ports: ['127.0.0.1:8080:80']\n")
    done = project.run(f"{NAME}.init", "-e", f"init_from={compose}", core=core)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "x-echobase:" in compose.read_text()
    assert "`ansible-playbook -i inventory.yml echobase.platform.setup`" in done.stdout
    assert "changed=0" in project.run(f"{NAME}.init", "-e", f"init_from={compose}", core=core).stdout
