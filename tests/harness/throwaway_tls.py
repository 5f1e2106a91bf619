"""A certificate authority with leaves, in the layout of an environment's state folder, for tests that need no module for it."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_DAY = datetime.timedelta(days=1)


def make_certificates(folder: Path, colour_names: Sequence[str], address: str = "127.0.0.1") -> None:
    """`ca.crt`, `edge/` for localhost, and a folder for each colour, named by the first part of its name."""
    if (folder / "ca.crt").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _name("test authority")
    authority = _builder(subject, subject, key.public_key()).add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    authority = authority.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    certificate = authority.sign(key, hashes.SHA256())
    (folder / "ca.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    _leaf(folder / "edge", ["localhost"], certificate, key, address)
    for name in colour_names:
        _leaf(folder / name.partition(".")[0], [name, "localhost"], certificate, key, address)


def _leaf(folder: Path, names: Sequence[str], issuer: x509.Certificate, issuer_key: ec.EllipticCurvePrivateKey, address: str) -> None:
    folder.mkdir()
    key = ec.generate_private_key(ec.SECP256R1())
    alternatives: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
    alternatives.append(x509.IPAddress(ipaddress.ip_address(address)))
    leaf = _builder(_name(names[0]), issuer.subject, key.public_key()).add_extension(
        x509.SubjectAlternativeName(alternatives), critical=False
    )
    leaf = leaf.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    certificate = leaf.sign(issuer_key, hashes.SHA256())
    chain = certificate.public_bytes(serialization.Encoding.PEM) + issuer.public_bytes(serialization.Encoding.PEM)
    (folder / "tls.crt").write_bytes(chain)
    (folder / "tls.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    return builder.serial_number(x509.random_serial_number()).not_valid_before(now - _DAY).not_valid_after(now + 30 * _DAY)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
