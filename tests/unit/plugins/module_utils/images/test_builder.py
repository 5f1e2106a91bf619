from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.images.builder import plan_builds, unnamed_descendants
from ansible_collections.echobase.platform.plugins.module_utils.images.catalogue import Image, ImageCatalogue


class NamedCatalogue(ImageCatalogue):
    """Tags are names: what is planned does not depend on how a tag comes about."""

    def tag(self, name: str) -> str:
        return name


def catalogue() -> NamedCatalogue:
    parents = {"base": [], "web": ["base"], "python": ["base"], "frontend": ["web", "python"], "backend": ["python"]}
    images = {name: Image(name, parents={parent.upper(): parent for parent in of}) for name, of in parents.items()}
    return NamedCatalogue(Path("/nonexistent"), images, None, "")


def test_missing_parents_come_first() -> None:
    plan = plan_builds(["frontend", "backend"], catalogue(), present=set())
    assert set(plan.names) == {"base", "web", "python", "frontend", "backend"}
    for name, parents in plan.order.items():
        assert all(plan.names.index(parent) < plan.names.index(name) for parent in parents)


def test_a_parent_is_not_built_for_an_image_that_is_there() -> None:
    assert plan_builds(["frontend"], catalogue(), present={"frontend"}).names == []
    assert plan_builds(["frontend", "backend"], catalogue(), present={"frontend", "base"}).names == ["python", "backend"]


def image(identity: str, parent: str, *tags: str) -> dict[str, Any]:
    return {"Id": identity, "ParentId": parent, "RepoTags": list(tags) or None}


def test_unnamed_descendants_are_found_children_first_and_named_ones_stay() -> None:
    images = [
        image("root", "", "echobase/web:1"),
        image("layer", "root"),
        image("leaf", "layer", "<none>:<none>"),
        image("own", "root", "somebody/else:1"),
        image("stranger", "other"),
    ]
    assert unnamed_descendants(images, {"root"}) == ["leaf", "layer"]
