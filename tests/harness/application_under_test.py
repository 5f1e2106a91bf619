"""The order system's definition as the collection keeps it, for tests that look at its colours without deploying them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.application.compose_answer import compose_answer
from ansible_collections.echobase.platform.plugins.module_utils.application.definition import Definition
from ansible_collections.echobase.platform.plugins.module_utils.application.stored import Deployed, StoredDefinitions
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment
from harness.edge_under_test import ORDER_SYSTEM
from harness.images_under_test import image_tag


@cache
def order_system() -> dict[str, Any]:
    return compose_answer(str(ORDER_SYSTEM), {})


def store_definition(env: Environment, project: Mapping[str, Any] | None = None, release: str = "1.0.0-test") -> None:
    """Both colours were made from it; by default from the order system's."""
    stored = StoredDefinitions(env)
    definition = Definition.of(project or order_system())
    for colour in env.colours:
        images = dict.fromkeys([*definition.services, *definition.jobs], "none")
        stored.write(colour, stored.text(definition.project, release, release.partition("-")[0], images))


def deployed_order_system(release: str) -> Deployed:
    """A release of the images under test."""
    definition = Definition.of(order_system())
    # They are called echobase/<name> in the file.
    named = {**definition.services, **definition.jobs}
    images = {service: image_tag(str(spec["image"]).rpartition("/")[2]) for service, spec in named.items()}
    return Deployed(definition, release, release.partition("-")[0], images)
