"""The vault format is Ansible's own: each side opens what the other sealed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.credentials.vault import WrongPasswordError, decrypt, encrypt, is_encrypted

PLAIN = b'{"name": "value with an umlaut \xc3\xbc"}\n'
PASSWORD = b"correct horse"


def ansible_vault(verb: str, file: Path, password: Path) -> bytes:
    command = [sys.executable, "-m", "ansible", "vault", verb, "--vault-password-file", str(password), str(file)]
    return subprocess.run(command, check=True, capture_output=True).stdout


@pytest.fixture
def password_file(tmp_path: Path) -> Path:
    file = tmp_path / "password"
    file.write_bytes(PASSWORD + b"\n")
    return file


def test_ansible_vault_reads_what_we_seal(tmp_path: Path, password_file: Path) -> None:
    file = tmp_path / "secrets"
    file.write_bytes(encrypt(PLAIN, PASSWORD))
    assert ansible_vault("view", file, password_file) == PLAIN


def test_we_read_what_ansible_vault_seals(tmp_path: Path, password_file: Path) -> None:
    file = tmp_path / "secrets"
    file.write_bytes(PLAIN)
    ansible_vault("encrypt", file, password_file)
    assert is_encrypted(file.read_bytes())
    assert decrypt(file.read_bytes(), PASSWORD) == PLAIN


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 5000])
def test_any_length_survives(size: int) -> None:
    plain = b"x" * size
    assert decrypt(encrypt(plain, PASSWORD), PASSWORD) == plain


def test_sealing_twice_looks_different() -> None:
    assert encrypt(PLAIN, PASSWORD) != encrypt(PLAIN, PASSWORD)


def test_wrong_password_and_altered_content_are_refused() -> None:
    sealed = encrypt(PLAIN, PASSWORD)
    with pytest.raises(WrongPasswordError):
        decrypt(sealed, b"wrong")
    header, first, *rest = sealed.splitlines()
    altered = b"\n".join([header, first[::-1], *rest])
    with pytest.raises(WrongPasswordError):
        decrypt(altered, PASSWORD)
    with pytest.raises(WrongPasswordError):
        decrypt(header + b"\nzz not hex", PASSWORD)
