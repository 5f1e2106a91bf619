"""A certificate with its key: how it is read, written and issued, and what can be wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ansible_collections.echobase.platform.plugins.module_utils.base.atomic_file import write_durably
from ansible_collections.echobase.platform.plugins.module_utils.base.python_packages import needed

with needed("cryptography"):
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        PublicFormat,
        load_pem_private_key,
    )


@dataclass(frozen=True)
class KeyPair:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @cached_property
    def certificate_pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @cached_property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def read_pair(certificate: Path, key: Path) -> KeyPair:
    """The first certificate of the file and its key."""
    private = load_pem_private_key(key.read_bytes(), password=None)
    if not isinstance(private, ec.EllipticCurvePrivateKey):
        raise TypeError("not an elliptic curve key")
    return KeyPair(x509.load_pem_x509_certificate(certificate.read_bytes()), private)


def write_pair(pair: KeyPair, certificate: Path, key: Path, *, uid: int, key_mode: int, chain: bytes = b"") -> None:
    write_durably(key, pair.key_pem, mode=key_mode, owner=(uid, uid))
    write_durably(certificate, pair.certificate_pem + chain, mode=0o644, owner=(uid, uid))


def make_folder(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    # The mode is set again, since the umask may have taken something away.
    folder.chmod(0o755)


def mismatch(pair: KeyPair) -> str:
    return "" if _public(pair.key) == _public(pair.certificate) else "key does not belong to the certificate"


def signed_by(pair: KeyPair, authority: KeyPair) -> bool:
    try:
        pair.certificate.verify_directly_issued_by(authority.certificate)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def leads_to(chain: Path, authority: KeyPair) -> bool:
    """Whether the file ends at this authority, whichever of its certificates that is: one for more names has the same key."""
    return _public(x509.load_pem_x509_certificates(chain.read_bytes())[-1]) == _public(authority.key)


def _public(of: x509.Certificate | ec.EllipticCurvePrivateKey) -> bytes:
    return of.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def key_usage(signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
