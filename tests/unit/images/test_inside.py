"""What images and templates say about users and the authority's certificate is what the collection says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.environment.inside import (
    APPLICATION,
    AUTHORITY_FILE,
    DATABASE,
    NGINX,
    OBSERVER,
)

ROOT = Path(__file__).parents[3]
USERS = {
    "backend": APPLICATION,
    "console": OBSERVER,
    "emulator": APPLICATION,
    "frontend": APPLICATION,
    "frontend-edited": APPLICATION,
    "mariadb": DATABASE,
    "postgres": DATABASE,
    "redis": DATABASE,
    "postgres-older": DATABASE,
    "nginx": NGINX,
    **dict.fromkeys(("alertmanager", "collector", "exporters", "jaeger", "prometheus", "victorialogs"), OBSERVER),
}
# They lie in an image, where nothing of the collection is.
FILES_WITH_THE_AUTHORITY = {"images/frontend/nginx.conf.template", "images/mariadb/backups/server.py"}


@pytest.mark.parametrize("dockerfile", sorted(ROOT.glob("images/*/Dockerfile")), ids=lambda path: path.parent.name)
def test_a_dockerfile_makes_the_user_that_the_collection_knows(dockerfile: Path) -> None:
    told = re.findall(r"^USER (\d+):(\d+)$|--[ug]id (\d+)", dockerfile.read_text(), re.M)
    numbers = {int(number) for groups in told for number in groups if number}
    assert numbers == ({USERS[dockerfile.parent.name]} if dockerfile.parent.name in USERS else set())


def test_nobody_else_writes_down_where_the_authority_lies() -> None:
    found = {
        str(path.relative_to(ROOT))
        for folder in ("plugins", "roles", "images", "apps/orders", "apps/api_gateway", "apps/order_processor", "apps/migrations")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and AUTHORITY_FILE in path.read_text(encoding="utf-8", errors="replace")
    }
    assert found == {"plugins/module_utils/environment/inside.py"} | FILES_WITH_THE_AUTHORITY


def test_nobody_else_writes_down_the_numbers_of_users() -> None:
    spelled = re.compile(rf"\b(?:uid=|gid=|[\"']){DATABASE}\b|\b{APPLICATION}\b|= {DATABASE}\b")
    found = {
        str(path.relative_to(ROOT))
        for folder in ("plugins", "roles")
        for path in (ROOT / folder).rglob("*.*")
        if path.is_file() and spelled.search(path.read_text(encoding="utf-8", errors="replace"))
    }
    assert found == {"plugins/module_utils/environment/inside.py"}
