"""Ansible's vault format 1.1 (AES256), so that `ansible-vault view|edit|rekey` work on the file of secrets."""

from __future__ import annotations

import os
from binascii import Error as HexError
from binascii import hexlify, unhexlify

from ansible_collections.echobase.platform.plugins.module_utils.base.python_packages import needed

with needed("cryptography"):
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes, hmac, padding
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

_MAGIC = b"$ANSIBLE_VAULT;"
_HEADER = _MAGIC + b"1.1;AES256"
_ROUNDS = 10_000
_LINE = 80


class WrongPasswordError(Exception):
    """The password does not open the file, or the file was altered: the format cannot tell these apart."""


def is_encrypted(content: bytes) -> bool:
    return content.startswith(_MAGIC)


def encrypt(plain: bytes, password: bytes) -> bytes:
    salt = os.urandom(32)
    cipher, seal = _cipher_and_seal(password, salt)
    padder = padding.PKCS7(128).padder()
    encryptor = cipher.encryptor()
    secret = encryptor.update(padder.update(plain) + padder.finalize()) + encryptor.finalize()
    seal.update(secret)
    body = hexlify(b"\n".join(hexlify(part) for part in (salt, seal.finalize(), secret)))
    lines = [body[start : start + _LINE] for start in range(0, len(body), _LINE)]
    return b"\n".join([_HEADER, *lines]) + b"\n"


def decrypt(content: bytes, password: bytes) -> bytes:
    _header, *lines = content.strip().splitlines()
    try:
        salt, signature, secret = (unhexlify(part) for part in unhexlify(b"".join(lines)).split(b"\n", 2))
        cipher, seal = _cipher_and_seal(password, salt)
        seal.update(secret)
        seal.verify(signature)
    except (HexError, ValueError, InvalidSignature) as error:
        raise WrongPasswordError from error
    decryptor = cipher.decryptor()
    unpadder = padding.PKCS7(128).unpadder()
    return unpadder.update(decryptor.update(secret) + decryptor.finalize()) + unpadder.finalize()


def _cipher_and_seal(password: bytes, salt: bytes) -> tuple[Cipher[modes.CTR], hmac.HMAC]:
    material = PBKDF2HMAC(algorithm=hashes.SHA256(), length=80, salt=salt, iterations=_ROUNDS).derive(password)
    cipher = Cipher(algorithms.AES(material[:32]), modes.CTR(material[64:]))
    return cipher, hmac.HMAC(material[32:64], hashes.SHA256())
