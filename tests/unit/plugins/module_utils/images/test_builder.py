from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.images.builder import plan_builds, unnamed_descendants
from ansible_collections.echobase.platform.plugins.module_utils.images.catalogue import Image, ImageCatalogue, Program
from ansible_collections.echobase.platform.plugins.module_utils.images.programs import ProgramCache


class NamedCatalogue(ImageCatalogue):
    """Tags are names: what is planned does not depend on how a tag comes about."""

    def tag(self, name: str) -> str:
        return name

    def program_key(self, program: Program) -> str:
        return f"key-of-{program.package}"


NOTHING_COMPILED = ProgramCache(Path("/nonexistent"))


def catalogue() -> NamedCatalogue:
    parents = {"base": [], "web": ["base"], "python": ["base"], "frontend": ["web", "python"], "backend": ["python"]}
    images = {name: Image(name, parents={parent.upper(): parent for parent in of}) for name, of in parents.items()}
    images["golang"] = Image("golang", parents={"BASE": "base"})
    images["tracer"] = Image("tracer", parents={"BASE": "base"}, program=Program("images/tracer", "tracer", "golang"))
    return NamedCatalogue(Path("/nonexistent"), images, None, "")


def test_missing_parents_come_first() -> None:
    plan = plan_builds(["frontend", "backend"], catalogue(), present=set(), programs=NOTHING_COMPILED)
    assert set(plan.names) == {"base", "web", "python", "frontend", "backend"}
    for name, parents in plan.order.items():
        assert all(plan.names.index(parent) < plan.names.index(name) for parent in parents)


def test_a_parent_is_not_built_for_an_image_that_is_there() -> None:
    assert plan_builds(["frontend"], catalogue(), {"frontend"}, NOTHING_COMPILED).names == []
    assert plan_builds(["frontend", "backend"], catalogue(), {"frontend", "base"}, NOTHING_COMPILED).names == ["python", "backend"]


def test_what_compiles_a_program_is_built_only_while_the_program_is_missing(tmp_path: Path) -> None:
    plan = plan_builds(["tracer"], catalogue(), set(), NOTHING_COMPILED)
    assert plan.names == ["base", "golang", "tracer"]
    assert plan.programs == {"tracer": "golang"}

    compiled = ProgramCache(tmp_path)
    with compiled.adding("key-of-tracer", "tracer") as stream:
        stream.write(b"program")
    plan = plan_builds(["tracer"], catalogue(), set(), compiled)
    assert plan.names == ["base", "tracer"]
    assert plan.programs == {}
    # The image is enough: it holds its program.
    assert plan_builds(["tracer"], catalogue(), {"tracer"}, NOTHING_COMPILED).names == []


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
