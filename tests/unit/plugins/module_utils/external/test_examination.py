from __future__ import annotations

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.database.login import (
    AccessDeniedError,
    CertificateRejectedError,
    NotReadyError,
)
from ansible_collections.echobase.platform.plugins.module_utils.engines.registry import engine_named
from ansible_collections.echobase.platform.plugins.module_utils.environment.external_database import ExternalDatabase
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import environment
from ansible_collections.echobase.platform.plugins.module_utils.external.examination import image_major, refusal_of, warnings_of_version
from ansible_collections.echobase.platform.plugins.module_utils.external.logins import ExternalLogins
from ansible_collections.echobase.platform.plugins.module_utils.external.way import configuration

DATABASE = ExternalDatabase("postgresql", "db.example.com", 5432, "shop", "shop_app", "shop_migrate", "ca.crt")


@pytest.mark.parametrize(
    ("engine", "version", "major"),
    [
        ("postgresql", "17.5", "17"),
        ("postgresql", "15.13", "15"),
        # Of one that we have no image of, the next newer one reads a dump.
        ("postgresql", "16.9", "17"),
        ("postgresql", "18.1", "17"),
        ("mariadb", "11.8.3", "11.8"),
        ("mariadb", "10.11.14", "10.11"),
        ("mariadb", "11.4.7", "11.8"),
    ],
)
def test_a_rehearsal_has_the_servers_own_major_or_the_next_newer_one(engine: str, version: str, major: str) -> None:
    assert image_major(engine_named(engine), version) == major


def test_too_old_is_refused_and_newer_than_tried_is_told() -> None:
    engine = engine_named("postgresql")
    with pytest.raises(Refusal, match=r"db:5432 is PostgreSQL 13.21, and the oldest that we work with is 15 - have it upgraded"):
        warnings_of_version(engine, "db:5432", "13.21")
    with pytest.raises(Refusal, match=r"is MariaDB 10.6.22, and the oldest that we work with is 10.11"):
        warnings_of_version(engine_named("mariadb"), "db:3306", "10.6.22")
    assert warnings_of_version(engine, "db:5432", "16.9") == []
    assert warnings_of_version(engine, "db:5432", "18.1") == ["PostgreSQL 18.1 is newer than 17, the newest that we have tried"]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (CertificateRejectedError("expired"), "db.example.com:5432 does not show a certificate of the given authority for that name"),
        (AccessDeniedError("no"), "db.example.com:5432 refuses account shop_app for database shop"),
        (NotReadyError("it does not speak TLS"), "db.example.com:5432 does not speak TLS"),
        (NotReadyError("timed out"), "db.example.com:5432 cannot be reached"),
    ],
)
def test_what_is_in_the_way_is_told_apart(error: Exception, told: str) -> None:
    login = ExternalLogins(environment("devlocal"), DATABASE).direct("app", "hush")
    refusal = str(refusal_of(DATABASE, login, error, "from the containers"))
    assert refusal.startswith(f"{told} (from the containers): {error} - ") and "\n" not in refusal
    assert "hush" not in refusal + repr(login)


def test_the_way_leads_to_the_name_or_to_the_address_that_is_given() -> None:
    assert 'default "db.example.com:5432";' in configuration(DATABASE)
    assert 'default "[2001:db8::7]:5432";' in configuration(ExternalDatabase(**{**DATABASE.__dict__, "address": "2001:db8::7"}))
