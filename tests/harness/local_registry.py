"""A registry of the tests' own on this machine, with small images that play their makers'."""

from __future__ import annotations

import hashlib
import io
import json
import socket
import tarfile
from pathlib import Path
from typing import Any

import bcrypt
import docker
import requests
from docker.errors import ImageNotFound

from ansible_collections.echobase.platform.plugins.module_utils.base.progress import Progress
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import docker_client
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import DEFAULT_HOME
from ansible_collections.echobase.platform.plugins.module_utils.images.base import BaseImage
from ansible_collections.echobase.platform.plugins.module_utils.images.builder import ImageBuilder
from ansible_collections.echobase.platform.plugins.module_utils.images.catalogue import Image, ImageCatalogue
from ansible_collections.echobase.platform.plugins.module_utils.images.programs import ProgramCache, usual_folder
from ansible_collections.echobase.platform.plugins.module_utils.images.sources import FolderSources
from harness.module_runner import CHECKOUT
from harness.waiting import eventually

_IMAGE = Image("zz-registry", parents={"BASE": "base"}, context={"tests/harness/registry": "."})


def _image_tag() -> str:
    base = BaseImage.of_host()
    ours = ImageCatalogue.load(CHECKOUT / "images/catalogue.yml", base.recipe)
    catalogue = ImageCatalogue(FolderSources(CHECKOUT), ours.images | {_IMAGE.name: _IMAGE}, base_recipe=base.recipe)
    builder = ImageBuilder(
        catalogue=catalogue,
        base=base,
        connect=docker_client,
        progress=Progress(""),
        lock=Path(DEFAULT_HOME) / ".images.lock",
        programs=ProgramCache(usual_folder()),
    )
    builder.build([_IMAGE.name])
    return catalogue.tag(_IMAGE.name)


class LocalRegistry:
    """With a `login`, a user and a password, it asks for one."""

    def __init__(self, mebibytes: int = 64, login: tuple[str, str] | None = None) -> None:
        self._client = docker.from_env()
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        asks = {"REGISTRY_AUTH": "htpasswd", "REGISTRY_AUTH_HTPASSWD_REALM": "tests", "REGISTRY_AUTH_HTPASSWD_PATH": "/users"}
        self._container = self._client.containers.create(
            _image_tag(),
            ports={"5000/tcp": tuple(self.address.split(":"))},
            tmpfs={"/registry": f"size={mebibytes}m"},
            environment=asks if login else {},
            name=f"zz-registry-{self.address.rpartition(':')[2]}",
        )
        if login:
            line = f"{login[0]}:{bcrypt.hashpw(login[1].encode(), bcrypt.gensalt(5)).decode()}\n"
            self._container.put_archive("/", _tar({"users": line.encode()}))

    def start(self) -> None:
        self._container.start()
        eventually(self._answers, "the registry answers", interval=0.1)

    def stop(self) -> None:
        self._container.kill()

    def close(self) -> None:
        self._container.remove(force=True)

    def publish(self, image: str, version: str, content: str) -> str:
        """Gives the digest under which the registry has it; the engine keeps nothing of it."""
        tag = f"{self.address}/{image}:{version}"
        self._client.images.load(image_of(tag, content.encode()))
        pushed = self._client.images.push(f"{self.address}/{image}", tag=version, stream=True, decode=True)
        digests = [event["aux"]["Digest"] for event in pushed if "aux" in event]
        assert digests, "nothing was pushed"
        self._client.images.remove(tag)
        return str(digests[0])

    def take(self, image: str, version: str) -> str:
        """Gives the name under which it has an image of this machine's engine from now on."""
        name = f"{self.address}/{image.rpartition('/')[2].partition(':')[0]}"
        self._client.images.get(image).tag(name, version)
        for event in self._client.images.push(name, tag=version, stream=True, decode=True):
            assert "error" not in event, event
        self._client.images.remove(f"{name}:{version}")
        return f"{name}:{version}"

    def lose_layers(self) -> None:
        """It goes on telling which images it has, and cannot give them."""
        # What describes an image is JSON, and a layer is not.
        lose = 'find /registry -name data | while read -r blob; do head --bytes=1 "$blob" | grep --quiet "{" || rm "$blob"; done'
        self._container.exec_run(["sh", "-c", lose])

    def has_on_engine(self, image: str) -> list[str]:
        """The engine's names of what came from here."""
        everything: list[dict[str, Any]] = self._client.api.images()
        names = [name for found in everything for name in (*(found["RepoTags"] or ()), *(found["RepoDigests"] or ()))]
        return [name for name in names if name.startswith(f"{self.address}/{image}")]

    def forget_on_engine(self, reference: str) -> None:
        try:
            self._client.images.remove(reference, force=True)
        except ImageNotFound:
            return

    def _answers(self) -> bool:
        try:
            return requests.get(f"http://{self.address}/v2/", timeout=1).status_code in (200, 401)
        except requests.RequestException:
            return False


def image_of(tag: str, *contents: bytes) -> bytes:
    """An image as `docker load` takes it: a layer with one file for each of these contents."""
    layers = {f"layer{number}.tar": _tar({f"content{number}": content}) for number, content in enumerate(contents)}
    description = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Cmd": ["/content0"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}" for layer in layers.values()]},
    }
    manifest = [{"Config": "config.json", "RepoTags": [tag], "Layers": list(layers)}]
    return _tar({**layers, "config.json": json.dumps(description).encode(), "manifest.json": json.dumps(manifest).encode()})


def _tar(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return stream.getvalue()
