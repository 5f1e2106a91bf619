"""The images that a benchmark runs: the edge's own, one with the rivals and the load generators, and one that counts instructions."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.echobase.platform.plugins.module_utils.base.progress import Progress
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import docker_client
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import DEFAULT_HOME
from ansible_collections.echobase.platform.plugins.module_utils.images.base import BaseImage
from ansible_collections.echobase.platform.plugins.module_utils.images.builder import ImageBuilder
from ansible_collections.echobase.platform.plugins.module_utils.images.catalogue import Image, ImageCatalogue
from ansible_collections.echobase.platform.plugins.module_utils.images.programs import ProgramCache, usual_folder
from ansible_collections.echobase.platform.plugins.module_utils.images.sources import FolderSources

CHECKOUT = Path(__file__).parents[1].resolve()
_OURS = [
    Image("bench", parents={"BASE": "python"}, context={"bench/image": "."}),
    Image("bench-profiled", parents={"BASE": "nginx"}, context={"bench/profiled": "."}),
]


def build() -> dict[str, str]:
    """The tags by name; what is missing is built."""
    base = BaseImage.of_host()
    theirs = ImageCatalogue.load(CHECKOUT / "images" / "catalogue.yml", base.recipe)
    catalogue = ImageCatalogue(FolderSources(CHECKOUT), theirs.images | {image.name: image for image in _OURS}, base_recipe=base.recipe)
    builder = ImageBuilder(
        catalogue=catalogue,
        base=base,
        connect=docker_client,
        progress=Progress(""),
        lock=Path(DEFAULT_HOME) / ".images.lock",
        programs=ProgramCache(usual_folder()),
    )
    names = ["nginx", *(image.name for image in _OURS)]
    builder.build(names)
    return catalogue.tags(names)
