from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome, Refusal
from ansible_collections.echobase.platform.plugins.module_utils.credentials.own_certificate import OwnCertificate

NOW = datetime.now(UTC)
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
KEY = ec.generate_private_key(ec.SECP256R1())
NAMES = ("shop.example.com", "*.shop.example.com", "192.0.2.7")


def certificate(key: Key = KEY, names: tuple[str, ...] = NAMES, begins: int = -1, ends: int = 90) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "shop")])
    alternatives = [x509.IPAddress(ip_address(one)) if one[0].isdigit() else x509.DNSName(one) for one in names]
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + timedelta(days=begins))
        .not_valid_after(NOW + timedelta(days=ends))
    )
    if alternatives:
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def pem(key: Key = KEY, password: bytes = b"") -> str:
    sealed = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, sealed).decode()


def present(folder: Path, own: OwnCertificate, check: bool = False) -> Outcome:
    return own.present(folder, check, NOW, uid=os.getuid())


@pytest.mark.parametrize("key", [KEY, rsa.generate_private_key(65537, 2048)], ids=["ec", "rsa"])
def test_it_is_laid_beside_the_edges_own(tmp_path: Path, key: Key) -> None:
    own = OwnCertificate(certificate(key), pem(key), ("shop.example.com", "blog.shop.example.com", "192.0.2.7"))
    assert present(tmp_path / "edge", own, check=True).changed
    assert not (tmp_path / "edge").exists()
    assert present(tmp_path / "edge", own).changed
    assert not present(tmp_path / "edge", own).changed
    assert (tmp_path / "edge/own.crt").read_text() == own.certificate
    assert (tmp_path / "edge/own.key").stat().st_mode & 0o777 == 0o400
    (tmp_path / "edge/own.key").chmod(0o644)
    assert present(tmp_path / "edge", own).before == "edge/own.key: other\n"


@pytest.mark.parametrize(
    ("own", "line"),
    [
        (
            OwnCertificate(certificate(), pem(ec.generate_private_key(ec.SECP256R1())), ()),
            "tls_key_file is not the key of tls_certificate_file - ",
        ),
        (
            OwnCertificate(certificate(ends=-1, begins=-9), pem(), ()),
            r"tls_certificate_file has expired on \d{4}-\d\d-\d\d - have it renewed",
        ),
        (OwnCertificate(certificate(begins=2), pem(), ()), "tls_certificate_file is not valid before "),
        (
            OwnCertificate(certificate(), pem(), ("shop.example.com", "example.com", "192.0.2.8")),
            "is not for example.com, 192.0.2.8 - take one",
        ),
        (OwnCertificate(certificate(), pem(), ("a.b.shop.example.com",)), "is not for a.b.shop.example.com"),
        (OwnCertificate(certificate(names=()), pem(), ("shop",)), "is not for shop"),
        (OwnCertificate("garbage", pem(), ()), "tls_certificate_file has no certificate that can be read - "),
        (OwnCertificate(certificate(), "garbage", ()), "tls_key_file has no key that can be read - "),
        (OwnCertificate(certificate(), pem(password=b"secret"), ()), "tls_key_file is encrypted with a password - "),
    ],
)
def test_what_no_browser_would_take_is_refused(tmp_path: Path, own: OwnCertificate, line: str) -> None:
    with pytest.raises(Refusal, match=line):
        present(tmp_path, own)
    assert list(tmp_path.iterdir()) == []


def test_one_that_expires_soon_is_warned_about(tmp_path: Path) -> None:
    assert present(tmp_path, OwnCertificate(certificate(ends=31), pem(), ())).warnings == []
    assert present(tmp_path, OwnCertificate(certificate(ends=20), pem(), ())).warnings == ["tls_certificate_file expires in 19 days"]
