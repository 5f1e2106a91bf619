"""The three ways in which images reach a host that shares nothing with the controller: built there, sent from here, pulled by digest."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import docker
import pytest
import yaml

from harness.environment_under_test import PlaybookRun, start_playbook
from harness.local_registry import LocalRegistry
from harness.remote_environment import EXAMPLE
from harness.remote_host import RemoteHost, remote_host

pytestmark = pytest.mark.long

# What playbooks/images.yml wants of a catalogue, each a single file here.
NAMES = ("mariadb", "nginx", "backend", "redis")
COMPOSE = """\
name: zz-shop
services:
  web:
    build: {context: ./web, args: {BASE: echobase/nginx}}
x-echobase: {routes: {/: web:8080}}
"""
DOCKERFILE = "ARG BASE\nFROM ${BASE}\nCOPY hello /hello\n"
GET_READY = ["echobase.platform.managed_python", "echobase.platform.docker_engine"]


@dataclass(frozen=True)
class Shop:
    host: RemoteHost
    folder: Path

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def run(self, playbook: str, *arguments: str) -> PlaybookRun:
        process = start_playbook(playbook, self.folder / "inventory", *arguments)
        output, _ = process.communicate()
        return PlaybookRun(playbook, process.returncode, output)

    def have_images(self, *arguments: str) -> PlaybookRun:
        return self.run(str(self.folder / "images"), *arguments)

    def there(self, name: str) -> dict[str, str]:
        """What the host's engine knows of each tag."""
        lines = self.host.run("docker images --no-trunc --format '{{.Repository}}:{{.Tag}} {{.ID}}'").splitlines()
        return dict(line.split(" ", 1) for line in lines if line.startswith(f"echobase/{name}:"))


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("shop")
    with remote_host("echobase-images", folder / "host") as host:
        shop = Shop(host, folder)
        entry = {name: {"context": {f"images/{name}": "."}} for name in NAMES}
        shop.write("images/catalogue.yml", yaml.safe_dump({"images": entry}))
        for name in NAMES:
            shop.write(f"images/{name}/Dockerfile", f"FROM scratch\nCOPY Dockerfile /zz-{name}\n")
        shop.write("compose.yml", COMPOSE)
        shop.write("web/Dockerfile", DOCKERFILE)
        shop.write("web/hello", "hello")
        known = host.connection("deployer") | {
            "echobase_application": str(folder / "compose.yml"),
            "images_catalogue": str(folder / "images/catalogue.yml"),
            "images_builder_home": str(folder / "builder"),
            "echobase_observability": False,
        }
        shop.write("inventory/hosts.yml", json.dumps({"echobase": {"hosts": {"shop": known}}}))
        shutil.copytree(EXAMPLE / "group_vars", folder / "inventory/group_vars")
        play = {"hosts": "echobase", "gather_facts": False}
        shop.write("ready.yml", json.dumps([play | {"roles": GET_READY}]))
        roles = [{"import_role": {"name": "echobase.platform.images"}, "vars": {"images_names": list(NAMES)}}]
        roles += [{"import_role": {"name": "echobase.platform.application", **more}} for more in ({}, {"tasks_from": "images"})]
        shop.write("images.yml", json.dumps([play | {"tasks": roles}]))
        assert shop.run(str(folder / "ready")).code == 0
        yield shop
    for image in docker.from_env().api.images():
        for tag in image["RepoTags"] or ():
            if tag.startswith("echobase/zz-shop:"):
                docker.from_env().images.remove(tag, force=True)


def test_built_there_from_what_is_sent_and_only_what_changed(shop: Shop) -> None:
    first = shop.have_images()
    assert first.code == 0, first.output
    assert "sending the build contexts of backend, mariadb, nginx, redis" in first.output
    assert "sending what web is built from" in first.output
    # What the host says of its progress is shown here.
    assert "building zz-shop" in first.output
    assert len(shop.there("zz-shop")) == 1
    again = shop.have_images()
    assert (again.changed, "sending" in again.output) == (0, False)

    shop.write("web/hello", "hello again")
    predicted = shop.have_images("--check", "--diff")
    assert len(shop.there("zz-shop")) == 1
    changed = shop.have_images()
    assert changed.changed == predicted.changed == 1
    assert "build contexts" not in changed.output
    assert len(shop.there("zz-shop")) == 2


def test_sent_from_here_without_the_layers_that_are_there(shop: Shop) -> None:
    shop.write("web/hello", "hello from the controller")
    sent = shop.have_images("-e", "images_delivery=controller")
    assert sent.code == 0, sent.output
    (tag,) = re.findall(r"sending (echobase/zz-shop:\w+) without [1-9]\d* layers", sent.output)
    assert shop.there("zz-shop")[tag] == docker.from_env().images.get(tag).id
    assert shop.have_images("-e", "images_delivery=controller").changed == 0


@pytest.fixture
def registry(shop: Shop) -> Iterator[LocalRegistry]:
    made = LocalRegistry()
    try:
        made.start()
        # It has no certificate, and is not on the host's own loopback.
        trust = json.dumps({"insecure-registries": [f"{shop.host.machine.address_of_host}/32"]})
        shop.host.run(f"echo '{trust}' >/etc/docker/daemon.json; pkill -HUP dockerd")
        yield made
    finally:
        made.close()


def test_pulled_by_digest_and_refused_where_the_lock_file_is_of_other_files(shop: Shop, registry: LocalRegistry) -> None:
    shop.write("web/hello", "hello from the registry")
    shop.write("images/nginx/Dockerfile", "FROM scratch\nCOPY Dockerfile /zz-nginx-of-the-registry\n")
    to = ["-e", f"images_repository={registry.address}/zz-shop"]
    pushed = shop.run("images", *to)
    assert pushed.code == 0, pushed.output
    assert shop.run("images", *to).changed == 0
    lock = shop.folder / "inventory/images.lock.yml"
    # The host reaches that registry by another address.
    lock.write_text(lock.read_text().replace(registry.address.partition(":")[0], str(shop.host.machine.address_of_host)))

    pulled = shop.have_images("-e", "images_delivery=registry")
    assert pulled.code == 0, pulled.output
    for tag, reference in yaml.safe_load(lock.read_text())["application"].items():
        assert reference in shop.host.run(f"docker image inspect --format '{{{{.RepoDigests}}}}' {tag}")
    assert shop.have_images("-e", "images_delivery=registry").changed == 0

    shop.write("web/hello", "not pushed")
    refused = shop.have_images("-e", "images_delivery=registry")
    assert refused.code != 0
    assert "services.web: its image" in refused.output
    assert "is not in the lock file of images" in refused.output
    shop.write("images/nginx/Dockerfile", "FROM scratch\nCOPY Dockerfile /zz-nginx-changed\n")
    refused = shop.have_images("-e", "images_delivery=registry")
    assert "was built from other files than those of this collection" in refused.output
