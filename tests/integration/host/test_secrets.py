"""Secrets are generated once, never shown, never half written, and never replaced beside data that needs them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import bcrypt
import docker
import pytest

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome, Refusal
from ansible_collections.echobase.platform.plugins.module_utils.credentials.environment_secrets import EnvironmentSecrets
from ansible_collections.echobase.platform.plugins.module_utils.credentials.operator_line import fits
from ansible_collections.echobase.platform.plugins.module_utils.credentials.store import SecretStore
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import environment
from harness.module_runner import CHECKOUT, RunningModule, run_module

VOLUME = "echobase-test-durable-mariadb-data"
OTHER_VOLUME = "echobase-test-durable-postgres-data"
CONSUMERS = {
    "db/root_password": 999,
    "db/root.sql": 999,
    "db/init.sql": 999,
    "db/init-postgresql.sql": 999,
    "db/encryption.keys": 999,
    "db/backup_key": 999,
    "db/backup_password": 999,
    "db/monitor_password": 999,
    "db/replica_password": 999,
    "archiver/backup_key": 999,
    "archiver/backup_password": 999,
    "observability/mariadb.cnf": 10002,
    "observability/redis.json": 10002,
    "cache/users.acl": 999,
    "cache/admin_password": 999,
    "cache/monitor_password": 999,
    "app/cache_password": 10001,
    "observability/monitor_password": 10002,
    "migrate/db_password": 10001,
    "app/db_password": 10001,
    "app/token_key": 10001,
    "app/cloud_credentials": 10001,
    "app/token_keys": 10001,
    "emulator/kms_key": 10001,
    "emulator/kms_keys": 10001,
    "emulator/db_password": 10001,
    "emulator/token_key": 10001,
    "emulator/token_keys": 10001,
    "emulator/cloud_credentials": 10001,
    "desk/operators.htpasswd": 10001,
    "desk/desk_key": 10001,
    "desk/preview_key": 10001,
    "desk/metrics_password": 10001,
}


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "home"
    yield folder
    run(folder, state="absent")


@pytest.fixture
def vault_password(tmp_path: Path) -> Path:
    file = tmp_path / "vault-password"
    file.write_text("correct horse\n")
    return file


def options(home: Path, **more: Any) -> dict[str, Any]:
    return {"environment": "test", "home": str(home), "volume_exists": False, **more}


def run(home: Path, check: bool = False, **more: Any) -> dict[str, Any]:
    return run_module("environment_secrets", options(home, **more), check=check)


def values(home: Path) -> dict[str, str]:
    return dict(json.loads((home / "test/secrets.json").read_text()))


def test_twice_check_and_diff(home: Path) -> None:
    predicted = run(home, check=True)
    assert predicted["changed"]
    assert not home.exists()
    first = run(home)
    assert first["changed"]
    assert first["diff"] == predicted["diff"]
    assert first["generated"] == predicted["generated"]
    assert sorted(first["generated"]) == first["names"]
    again = run(home)
    assert not again["changed"]
    assert again["generated"] == []
    assert again["key_fingerprint"] == first["key_fingerprint"]
    assert not run(home, check=True)["changed"]


def test_the_key_of_a_bucket_is_kept_and_shown_to_nobody(home: Path) -> None:
    run(home)
    login = {"s3_key": "AKIAPLANTED", "s3_secret": "planted-secret"}
    given = run(home, **login)
    assert given["changed"]
    assert "gets a new backup_s3_key, backup_s3_secret" in given["diff"]["before"]
    assert not [value for value in login.values() if value in json.dumps(given)]
    assert (home / "test/secrets/db/backup_s3_secret").read_text() == "planted-secret"
    assert not run(home, **login)["changed"]
    assert not run(home)["changed"]


def test_each_consumer_reads_its_own_alone(home: Path) -> None:
    result = run(home)
    folder = home / "test/secrets"
    found = {str(path.relative_to(folder)): path.stat() for path in folder.rglob("*") if path.is_file()}
    assert {name: status.st_uid for name, status in found.items() if "/" in name} == CONSUMERS
    # What programs of an application read is open to the group that all of them are in.
    for_programs = {name for name, status in found.items() if status.st_mode & 0o777 == 0o440}
    assert for_programs == {name for name in found if name.startswith(("app/", "migrate/"))} | {"emulator/cloud_credentials"}
    assert {status.st_mode & 0o777 for name, status in found.items() if "/" in name and name not in for_programs} == {0o400}
    assert (home / "test/secrets.json").stat().st_mode & 0o777 == 0o600
    assert Path(result["operator_password_file"]).stat().st_mode & 0o777 == 0o600


@pytest.mark.long
def test_harm_is_named_and_mended_without_new_values(home: Path) -> None:
    run(home)
    before = values(home)
    folder = home / "test/secrets"
    (folder / "app/token_key").unlink()
    (folder / "db/init.sql").write_text("DROP DATABASE orders_db;")
    (folder / "desk/operators.htpasswd").chmod(0o644)
    predicted = run(home, check=True)
    mended = run(home)
    assert predicted["diff"] == mended["diff"]
    assert mended["diff"]["before"].splitlines() == [
        "secrets/db/init.sql: content differs",
        "secrets/app/token_key: missing",
        "secrets/desk/operators.htpasswd: mode 0644 instead of 0400",
    ]
    assert values(home) == before
    assert not run(home)["changed"]


@pytest.mark.long
def test_no_output_ever_holds_a_value(home: Path, vault_password: Path) -> None:
    """As verbose as Ansible can be, over every kind of run."""
    output = ""
    plain = options(home)
    for more in (["--check"], [], [], ["--check"]):
        output += verbose(plain, *more)
    secret = set(values(home).values())
    (home / "test/secrets/db/init.sql").write_text("x")
    output += verbose(plain)
    (home / "test/secrets.json").write_text(json.dumps(values(home))[:-5])
    output += verbose(plain)
    assert "is damaged" in output
    (home / "test/secrets.json").write_text(json.dumps({"kms_key": "planted-value"}))
    output += verbose(plain)
    secret |= set(values(home).values())
    output += verbose({**plain, "vault_password": vault_password.read_text().strip()})
    secret |= {"correct horse", (home / "test/secrets/desk/operators.htpasswd").read_text().strip()}
    assert "planted-value" in secret
    assert [value for value in secret if value in output] == []


def verbose(arguments: dict[str, Any], *more: str) -> str:
    command = [sys.executable, "-m", "ansible", "adhoc", "localhost", "-vvvvv", "--diff", *more]
    command += [
        "-e",
        f"ansible_python_interpreter={sys.executable}",
        "-m",
        "echobase.platform.environment_secrets",
        "-a",
        json.dumps(arguments),
    ]
    finished = subprocess.run(command, cwd=CHECKOUT, env=os.environ | {"ANSIBLE_DEBUG": "1"}, capture_output=True, text=True, check=False)
    assert "environment_secrets" in finished.stdout
    return finished.stdout + finished.stderr


def test_nothing_is_generated_beside_an_existing_volume(home: Path) -> None:
    answer = run(home, volume_exists=True)
    assert answer["failed"]
    assert answer["msg"].startswith(
        f"volume {VOLUME} and volume {OTHER_VOLUME} can only be read with keys that {home}/test/secrets.json lacks: "
    )
    assert "restore that file" in answer["remedy"]
    assert VOLUME in answer["remedy"]
    assert "\n" not in answer["msg"]
    assert not home.exists()
    assert run(home, check=True, volume_exists=True)["failed"]

    run(home)
    known = values(home)
    assert not run(home, volume_exists=True)["changed"]
    (home / "test/secrets.json").write_text(json.dumps({name: value for name, value in known.items() if name != "kms_key"}))
    assert "lacks: kms_key" in run(home, volume_exists=True)["msg"]
    # Nothing is encrypted or reached with the operators' login, nor with what signs previews and forms: these may be made anew.
    for name in ("operator_password", "metrics_password", "preview_key", "desk_key", "cloud_key"):
        (home / "test/secrets.json").write_text(json.dumps({key: value for key, value in known.items() if key != name}))
        assert run(home, volume_exists=True)["generated"] == [name]
        assert {key: value for key, value in values(home).items() if key != name} == {
            key: value for key, value in known.items() if key != name
        }


@pytest.mark.long
def test_an_environment_of_an_earlier_version_converges_beside_its_data(home: Path) -> None:
    run(home)
    folder, known = home / "test/secrets", values(home)
    newer = ("metrics_password", "preview_key", "desk_key", "cloud_key")
    guarded = {name: value for name, value in known.items() if name not in newer}
    (home / "test/secrets.json").write_text(json.dumps(guarded))
    shutil.rmtree(folder / "desk")
    for name in ("metrics_password", "preview_key", "app/cloud_credentials", "emulator/cloud_credentials"):
        (folder / name).unlink()
    predicted = run(home, check=True, volume_exists=True)
    converged = run(home, volume_exists=True)
    assert converged["diff"] == predicted["diff"]
    assert converged["generated"] == list(newer)
    assert converged["diff"]["before"].splitlines()[0] == f"secrets.json: lacks {', '.join(newer)}"
    assert {name: value for name, value in values(home).items() if name in guarded} == guarded
    assert (folder / "desk/preview_key").read_text() == (folder / "preview_key").read_text() == values(home)["preview_key"]
    assert not run(home, volume_exists=True)["changed"]


NEW_KEYS = ["db_encryption_key", "db_volume_key", "db_backup_key"]


def converge(home: Path, *data: str, renew: Sequence[str] = ()) -> Outcome:
    """Without Ansible around it, which would take a second each time."""
    return EnvironmentSecrets(environment("test", str(home)), None, lambda: data).present(check=False, renew=renew)


def test_keys_that_a_later_version_brought_are_made_beside_old_data_and_never_again(home: Path) -> None:
    converge(home)
    store = home / "test/secrets.json"
    known = values(home)
    # As an earlier version left it.
    store.write_text(json.dumps({name: value for name, value in known.items() if name not in NEW_KEYS}))
    (home / "test/key-fingerprints.json").unlink()
    assert converge(home, f"volume {VOLUME}").facts["generated"] == NEW_KEYS
    assert not converge(home, f"volume {VOLUME}").changed
    used = values(home)
    for name in NEW_KEYS:
        # Lost, and put back from a copy that was made before.
        store.write_text(json.dumps({key: value for key, value in used.items() if key != name}))
        with pytest.raises(Refusal, match=f"volume {VOLUME} can only be read with keys that {store} lacks: {name}"):
            converge(home, f"volume {VOLUME}")
        store.write_text(json.dumps(used | {name: known[name]}))
        with pytest.raises(Refusal, match=f"can only be read with other keys than {store} has: {name}"):
            converge(home, f"volume {VOLUME}")
    store.write_text(json.dumps(used))
    assert not converge(home, f"volume {VOLUME}").changed


def test_keys_stay_while_backups_need_them(home: Path) -> None:
    run(home)
    repository = home / "test/backups/postgresql"
    repository.mkdir(parents=True)
    assert run(home, state="absent", check=True)["changed"]
    (repository / "archive").mkdir()
    assert f"nothing can read the backups in {repository} without" in run(home, state="absent")["msg"]
    (home / "test/secrets.json").unlink()
    assert f"the backups in {repository} can only be read with keys that " in run(home)["msg"]
    shutil.rmtree(repository)


def test_a_password_is_renewed_and_nothing_else(home: Path) -> None:
    converge(home)
    before = values(home)
    predicted = run(home, check=True, volume_exists=True, renew=["db_app_password"])
    assert values(home) == before
    renewed = run(home, volume_exists=True, renew=["db_app_password"])
    assert renewed["generated"] == ["db_app_password"]
    assert renewed["diff"] == predicted["diff"]
    assert renewed["diff"]["before"].startswith("secrets.json: gets a new db_app_password\n")
    assert {name for name, value in values(home).items() if value != before[name]} == {"db_app_password"}
    assert (home / "test/secrets/app/db_password").read_text() == values(home)["db_app_password"]
    assert not converge(home, f"volume {VOLUME}").changed


def test_the_operators_password_does_not_come_back_by_itself(home: Path) -> None:
    converge(home)
    old = values(home)["operator_password"]
    accounts = home / "test/secrets/desk/operators.htpasswd"
    other = bcrypt.hashpw(b"another", bcrypt.gensalt(4)).decode()
    accounts.write_text(f"operator:{other}\n")
    predicted = run(home, check=True)
    left = run(home)
    assert predicted["operator_line"] == left["operator_line"] == "replaced"
    assert accounts.read_text() == f"operator:{other}\n"
    assert "somebody replaced its line" in left["warnings"][0]
    assert "rotate=operator_password" in left["warnings"][0]
    # It is told once.
    again = converge(home)
    assert not again.changed
    assert again.warnings == []
    # An administrator who wants nobody to log in as operator.
    accounts.write_text(f"anna:{other}\n")
    assert converge(home).facts["operator_line"] == "removed"
    assert not converge(home).changed
    assert accounts.read_text() == f"anna:{other}\n"
    renewed = converge(home, renew=["operator_password"])
    assert renewed.facts["operator_line"] == "kept"
    assert renewed.warnings == []
    line, anna = accounts.read_text().splitlines()
    assert anna == f"anna:{other}"
    assert not fits(old, line)
    assert fits((home / "test/secrets/operator_password").read_text(), line)
    assert not converge(home).changed


def test_a_rotation_of_the_operators_password_that_was_cut_off_is_finished_by_the_next_setup(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    converge(home)

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("ansible_collections.echobase.platform.plugins.module_utils.credentials.environment_secrets.apply_changes", crash)
        converge(home, renew=["operator_password"])
    assert converge(home).facts["operator_line"] == "kept"
    assert fits(values(home)["operator_password"], (home / "test/secrets/desk/operators.htpasswd").read_text().strip())


def test_an_operator_that_somebody_replaced_moves_into_the_vault_and_out(home: Path, vault_password: Path) -> None:
    converge(home)
    accounts = home / "test/secrets/desk/operators.htpasswd"
    accounts.write_text(f"operator:{bcrypt.hashpw(b'another', bcrypt.gensalt(4)).decode()}\n")
    wanted = accounts.read_text()
    env, password = environment("test", str(home)), vault_password.read_bytes().strip()
    sealed = EnvironmentSecrets(env, password, data=lambda: ()).present(check=False)
    assert sealed.facts["operator_line"] == "replaced"
    assert accounts.read_text() == wanted
    # Out of the vault again.
    store = home / "test/secrets.json"
    store.write_text(json.dumps(SecretStore(store, password).load()))
    assert converge(home).facts["operator_line"] == "replaced"
    assert accounts.read_text() == wanted


def test_the_engine_is_asked_for_the_volume(home: Path) -> None:
    client = docker.from_env()
    created = None
    try:
        client.volumes.get(VOLUME)
    except docker.errors.NotFound:
        created = client.volumes.create(VOLUME)
    try:
        refused = run_module("environment_secrets", {"environment": "test", "home": str(home)})["msg"]
        assert refused.startswith(f"volume {VOLUME} ")
    finally:
        if created is not None:
            created.remove()


def test_secrets_go_only_after_their_data(home: Path) -> None:
    run(home)
    refused = run(home, state="absent", volume_exists=True)
    assert refused["failed"]
    assert f"nothing can read volume {VOLUME} and volume {OTHER_VOLUME} without " in refused["msg"]
    assert run(home, state="absent", check=True)["changed"]
    assert (home / "test/secrets.json").exists()
    assert run(home, state="absent")["changed"]
    assert not (home / "test/secrets.json").exists()
    assert not (home / "test/secrets").exists()
    assert not run(home, state="absent")["changed"]


def test_a_vault_keeps_the_disk_clean(home: Path, vault_password: Path) -> None:
    first = run(home)
    clear = values(home)
    sealed = run(home, vault_password=vault_password.read_text())
    assert sealed["changed"]
    assert sealed["key_fingerprint"] == first["key_fingerprint"]
    assert not run(home, vault_password=vault_password.read_text())["changed"]

    folder = home / "test/secrets"
    assert folder.readlink() == Path("/run/echobase/test/secrets")
    assert (folder / "app/token_key").read_text() == clear["token_key"]
    on_disk = b"".join(path.read_bytes() for path in (home / "test").iterdir() if path.is_file())
    assert not [value for value in clear.values() if value.encode() in on_disk]
    command = [
        sys.executable,
        "-m",
        "ansible",
        "vault",
        "view",
        "--vault-password-file",
        str(vault_password),
        str(home / "test/secrets.json"),
    ]
    assert json.loads(subprocess.run(command, check=True, capture_output=True).stdout) == clear

    # After a restart of the host nothing is left in memory.
    for path in Path("/run/echobase/test/secrets").glob("app/*"):
        path.unlink()
    assert run(home, vault_password=vault_password.read_text())["diff"]["before"].splitlines() == [
        "secrets/app/db_password: missing",
        "secrets/app/token_key: missing",
        "secrets/app/token_keys: missing",
        "secrets/app/cache_password: missing",
        "secrets/app/cloud_credentials: missing",
    ]

    (home / "test/secrets.json").write_text(json.dumps(clear))
    (home / "test/secrets.json").chmod(0o600)
    left = run(home)
    assert left["changed"]
    assert not folder.is_symlink()
    assert (folder / "app/token_key").read_text() == clear["token_key"]
    assert not run(home)["changed"]


def test_a_wrong_vault_password_is_one_line_and_changes_nothing(home: Path, vault_password: Path) -> None:
    run(home, vault_password=vault_password.read_text())
    before = (home / "test/secrets.json").read_bytes()
    assert "is encrypted with Ansible Vault" in run(home)["msg"]
    vault_password.write_text("wrong\n")
    answer = run(home, vault_password=vault_password.read_text())
    assert answer["msg"].startswith(f"the vault password does not open {home}/test/secrets.json")
    assert "\n" not in answer["msg"]
    assert (home / "test/secrets.json").read_bytes() == before


@pytest.mark.skipif(os.getuid() != 0, reason="mounts a small file system")
def test_a_full_disk_is_one_line_and_leaves_nothing_half_written(home: Path) -> None:
    home.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(home)], check=True)
    try:
        answer = run(home)
        assert answer["failed"]
        assert "No space left on device" in answer["msg"]
        assert "\n" not in answer["msg"]
        written = [path for path in (home / "test").rglob("*") if path.is_file() and not path.name.endswith(".lock")]
        assert not [path for path in written if path.stat().st_size == 0 or path.name.startswith(".")]
        known = values(home)
        subprocess.run(["mount", "-o", "remount,size=1m", str(home)], check=True)
        assert run(home)["changed"]
        assert values(home) == known
        assert not run(home)["changed"]
    finally:
        subprocess.run(["umount", str(home)], check=True)


def test_two_runs_at_once_agree(home: Path) -> None:
    runs = [RunningModule("environment_secrets", options(home)) for _ in range(3)]
    answers = [run.answer() for run in runs]
    assert not [answer["msg"] for answer in answers if answer.get("failed")]
    final = run(home)
    assert not final["changed"]
    # Only the one that came first generated anything, and all report what is on the disk.
    assert {answer["key_fingerprint"] for answer in answers} == {final["key_fingerprint"]}
