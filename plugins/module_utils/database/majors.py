"""Which major versions of each engine there are images for."""

from __future__ import annotations

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal

# The image that has it, by major version; the newest first. It has the bare name of the engine's service.
IMAGES = {
    "mariadb": {"11.8": "mariadb", "10.11": "mariadb-10.11"},
    "postgresql": {"17": "postgres", "15": "postgres-15"},
}
OLDER_BACKUP_REMEDY = "only a server of that major restores it: docs/operate/upgrade.md says how to get one"


def newest_major(engine: str) -> str:
    return next(iter(IMAGES[engine]))


def image_of_major(engine: str, major: str = "") -> str:
    """Its name in the catalogue; without a major that of the newest."""
    images = IMAGES[engine]
    wanted = major or newest_major(engine)
    if wanted not in images:
        raise Refusal(f"there is no image of {engine} {wanted}", f"durable_db_version is one of {', '.join(images)}")
    return images[wanted]
