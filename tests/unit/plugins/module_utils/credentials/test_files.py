from __future__ import annotations

import base64
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.cache.accounts import account_file
from ansible_collections.echobase.platform.plugins.module_utils.credentials.files import (
    SecretFile,
    apply_changes,
    outlived_files,
    plan_changes,
    wanted_files,
)
from ansible_collections.echobase.platform.plugins.module_utils.credentials.store import completed
from ansible_collections.echobase.platform.plugins.module_utils.engines.registry import engine_named
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import environment

ENV = environment("test")
VALUES = completed({})
HTPASSWD = "desk/operators.htpasswd"


def content_of(name: str, folder: Path = Path("/nonexistent"), values: dict[str, str] = VALUES) -> str:
    return next(file.content for file in wanted_files(ENV, values, folder) if file.name == name)


def test_both_sides_of_the_database_know_the_same_password() -> None:
    assert content_of("app/db_password") == content_of("emulator/db_password") == VALUES["db_app_password"]
    assert content_of("db/init.sql") == engine_named("mariadb").accounts.sql(ENV, VALUES)
    assert content_of("db/init-postgresql.sql") == engine_named("postgresql").accounts.sql(ENV, VALUES)


def test_both_sides_of_the_cache_know_the_same_password() -> None:
    assert content_of("app/cache_password") == VALUES["cache_app_password"]
    assert content_of("cache/users.acl") == account_file(ENV, VALUES)
    given = {file.name for file in wanted_files(ENV, VALUES, Path("/nonexistent")) if VALUES["cache_admin_password"] in file.content}
    assert given == {"cache/admin_password"}


def test_mariadb_gets_its_key_as_it_reads_it() -> None:
    number, _, digits = content_of("db/encryption.keys").strip().partition(";")
    assert (number, bytes.fromhex(digits)) == ("1", base64.b64decode(VALUES["db_encryption_key"]))


def test_further_keys_get_files_of_their_own_and_the_first_stays() -> None:
    values = VALUES | {"db_encryption_key_2": VALUES["db_volume_key"], "db_volume_key_next": "soon"}
    assert content_of("db/encryption.keys", values=values) == content_of("db/encryption.keys")
    assert content_of("db/encryption-2.keys", values=values).startswith("1;")
    assert content_of("volume_key_next", values=values) == "soon"


def test_only_the_backup_tools_get_the_key_of_a_bucket() -> None:
    values = VALUES | {"backup_s3_key": "key of a bucket"}
    assert [file.name for file in wanted_files(ENV, values, Path("/nonexistent")) if "key of a bucket" in file.content] == [
        "db/backup_s3_key",
        "archiver/backup_s3_key",
    ]


def test_the_archiver_gets_nothing_that_reads_the_data_or_may_do_everything() -> None:
    given = {file.name for file in wanted_files(ENV, VALUES, Path("/nonexistent")) if file.name.startswith("archiver/")}
    assert given == {"archiver/backup_key", "archiver/backup_password"}


def test_the_file_of_a_key_that_took_its_place_goes(tmp_path: Path) -> None:
    waiting = tmp_path / "volume_key_next"
    waiting.write_text("now")
    assert outlived_files(tmp_path, VALUES | {"db_volume_key_next": "now"}) == []
    assert outlived_files(tmp_path, VALUES) == [waiting]


def holders(secret: str) -> list[str]:
    return [file.name for file in wanted_files(ENV, VALUES, Path("/nonexistent")) if VALUES[secret] in file.content]


def test_the_root_password_goes_to_the_database_alone() -> None:
    assert holders("db_root_password") == ["db/root_password"]


def test_who_holds_what_opens_the_data() -> None:
    assert holders("db_backup_key") == ["db/backup_key", "archiver/backup_key"]
    assert holders("db_volume_key") == ["volume_key"]
    assert holders("db_backup_password") == ["db/backup_password", "archiver/backup_password"]


def test_a_fitting_hash_is_kept(tmp_path: Path) -> None:
    file = tmp_path / HTPASSWD
    file.parent.mkdir()
    first = content_of(HTPASSWD, tmp_path)
    assert first.startswith("operator:$2y$10$")
    file.write_text(first)
    assert content_of(HTPASSWD, tmp_path) == first


def test_operators_that_somebody_added_stay(tmp_path: Path) -> None:
    file = tmp_path / HTPASSWD
    file.parent.mkdir()
    own = content_of(HTPASSWD, tmp_path)
    file.write_text(f"anna:$2y$05$whatever\n\n{own}bert:anything")
    wanted = content_of(HTPASSWD, tmp_path)
    assert wanted == f"{own}anna:$2y$05$whatever\nbert:anything\n"
    file.write_text(wanted)
    assert content_of(HTPASSWD, tmp_path) == wanted


def test_the_desk_alone_gets_the_keys_that_it_signs_with() -> None:
    assert holders("desk_key") == ["desk/desk_key"]
    assert holders("preview_key") == ["desk/preview_key", "preview_key"]
    assert holders("metrics_password") == ["desk/metrics_password", "metrics_password"]


def test_the_application_and_its_cloud_alone_know_what_calls_are_signed_with() -> None:
    assert holders("cloud_key") == ["app/cloud_credentials", "emulator/cloud_credentials"]
    assert content_of("app/cloud_credentials") == content_of("emulator/cloud_credentials")


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (lambda path: path.unlink(), "missing"),
        (lambda path: path.write_text("other"), "content differs"),
        (lambda path: path.chmod(0o644), "mode 0644 instead of 0400"),
    ],
)
def test_harm_is_named_and_mended(tmp_path: Path, harm: Callable[[Path], object], reason: str) -> None:
    wanted = [SecretFile("app/key", "value", uid=os.getuid())]
    folder = tmp_path / "secrets"
    apply_changes(folder, plan_changes(folder, wanted))
    assert plan_changes(folder, wanted) == []
    harm(folder / "app/key")
    changes = plan_changes(folder, wanted)
    assert [change.reason for change in changes] == [reason]
    apply_changes(folder, changes)
    assert plan_changes(folder, wanted) == []
    assert [path.name for path in (folder / "app").iterdir()] == ["key"]
