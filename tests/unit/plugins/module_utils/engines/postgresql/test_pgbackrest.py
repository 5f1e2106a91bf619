"""The configuration of pgBackRest, and what a user reads of its errors."""

from __future__ import annotations

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.engines.postgresql.pgbackrest import configuration, refusal
from ansible_collections.echobase.platform.plugins.module_utils.environment.backup_target import BackupTarget


def settings(target: BackupTarget, cores: int = 2) -> dict[str, str]:
    lines = [line for line in configuration(target, cores).splitlines() if "=" in line]
    return dict(line.split("=", 1) for line in lines)


def test_a_folder_is_the_one_that_is_mounted() -> None:
    found = settings(BackupTarget("/somewhere/else"))
    assert found["repo1-path"] == "/backups"
    assert "repo1-type" not in found


def test_a_bucket_of_another_service_than_amazons() -> None:
    found = settings(BackupTarget("s3://bucket/a/prefix", "https://s3.example:9000", "/ca.crt", "eu-central-1"))
    assert found["repo1-s3-region"] == "eu-central-1"
    assert found["repo1-type"] == "s3"
    assert (found["repo1-s3-bucket"], found["repo1-path"]) == ("bucket", "/a/prefix")
    assert (found["repo1-s3-endpoint"], found["repo1-s3-uri-style"]) == ("s3.example:9000", "path")
    assert found["repo1-storage-ca-file"] == "/etc/echobase/backup-ca.crt"


def test_it_is_encrypted_and_never_expires_by_itself() -> None:
    found = settings(BackupTarget("/backups"))
    assert (found["repo1-cipher-type"], found["expire-auto"]) == ("aes-256-cbc", "n")


@pytest.mark.parametrize(("cores", "processes"), [(1, 1), (2, 2), (3, 2), (4, 2), (8, 4), (64, 8)])
def test_it_takes_as_many_processes_as_leave_the_server_its_cores(cores: int, processes: int) -> None:
    assert settings(BackupTarget("/backups"), cores)["process-max"] == str(processes)


def test_the_last_error_is_told_and_where_it_has_a_remedy_that() -> None:
    error = "ERROR: [050]: unable to acquire lock on file '/tmp/x': Resource temporarily unavailable"
    told = refusal("pgbackrest backup", f"WARN: unrelated\n{error}\n       HINT: is another one running?\n")
    assert told.cause == "pgbackrest backup failed: unable to acquire lock on file '/tmp/x': Resource temporarily unavailable"
    assert told.remedy == "another pgbackrest is at work there: wait until it is done, then run this again"


def test_without_a_known_form_the_last_line_is_told() -> None:
    assert refusal("reading", "first\nlast\n").cause == "reading failed: last"
    assert refusal("reading", "").cause == "reading failed: it gave no reason"
