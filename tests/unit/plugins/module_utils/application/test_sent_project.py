"""A Compose file of the controller is read on a host: all that Compose needs is sent, no secret is, and paths are the controller's."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.application.compose_answer import compose_answer
from ansible_collections.echobase.platform.plugins.module_utils.application.sent_project import (
    files_to_send,
    unpacked,
    with_paths_of_the_controller,
)
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal

FILES = {
    "shop/compose.yml": """\
name: shop
include: [../shared/cache.yml]
services:
  web:
    extends: {file: common.yml, service: base}
    build: {context: ./web, dockerfile: Dockerfile}
    env_file: [web.env, "${STAGE}.env", {path: missing.env, required: false}]
    configs: [site]
    secrets: [token]
    command: ["serve", "/etc/hostname"]
    ports: !override ["8080:8080"]
configs: {site: {file: ./conf/site.conf}}
secrets: {token: {file: ./token.txt}}
x-echobase: {routes: {/: web:8080}, observe: {rules: [observe/alerts.yml]}}
""",
    "shop/.env": "STAGE=from-dotenv\n# NOT=read\n",
    "shop/common.yml": "services: {base: {environment: {A: one}, env_file: common.env}}\n",
    "shop/common.env": "B=two\n",
    "shop/web.env": "C=three\n",
    "shop/production.env": "D=four\n",
    "shop/from-dotenv.env": "D=five\n",
    "shop/conf/site.conf": "listen 8080\n",
    "shop/token.txt": "nobody-else-knows",
    "shop/observe/alerts.yml": "groups: []\n",
    "shop/web/Dockerfile": "FROM scratch\n",
    "shop/web/large.bin": "0" * 4096,
    "shared/cache.yml": "services: {cache: {image: redis:8, env_file: cache.env}}\n",
    "shared/cache.env": "E=six\n",
}


@pytest.fixture
def compose_file(tmp_path: Path) -> Path:
    for name, content in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return tmp_path / "shop/compose.yml"


def test_what_compose_reads_is_sent_and_neither_secrets_nor_what_is_built_from(compose_file: Path, tmp_path: Path) -> None:
    sent = {str(Path(name).relative_to(tmp_path)) for name in files_to_send(compose_file, {"STAGE": "production"})}
    unread = {"shop/token.txt", "shop/from-dotenv.env", "shop/web/Dockerfile", "shop/web/large.bin"}
    assert sent == set(FILES) - unread


@pytest.mark.parametrize("variables", [{}, {"STAGE": "production"}])
def test_the_answer_there_is_the_answer_here(compose_file: Path, variables: dict[str, str]) -> None:
    here = compose_answer(str(compose_file), variables)
    assert here["services"]["web"]["environment"]["D"] == ("four" if variables else "five")
    sent = files_to_send(compose_file, variables)
    with unpacked(sent) as root:
        moved = compose_file.with_name("moved-away.yml")
        compose_file.rename(moved)
        there = compose_answer(str(root / str(compose_file).lstrip("/")), variables)
        moved.rename(compose_file)
        assert with_paths_of_the_controller(there, root) == here
    assert not root.exists()


def test_without_files_it_is_the_machines_own(compose_file: Path) -> None:
    with unpacked({}) as root:
        assert root == Path("/")
        assert with_paths_of_the_controller({"a": "/srv"}, root) == {"a": "/srv"}


def test_a_large_file_belongs_into_an_image(compose_file: Path) -> None:
    compose_file.with_name("web.env").write_text("A=" + "0" * 3_000_000)
    with pytest.raises(Refusal, match=r"names files of .* MB, the largest of which is .*web\.env - copy large files into an image"):
        files_to_send(compose_file, {})
