"""The secrets and certificates of environment `test` in a throw-away state folder, by the contract that the durable database relies on."""

from __future__ import annotations

import datetime
import ipaddress
import json
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ansible_collections.echobase.platform.plugins.module_utils.topology import Environment

DATABASE_UID = 999
APPLICATION_UID = 10001


@dataclass
class EnvironmentState:
    env: Environment
    key_fingerprint: str = "0123456789abcdef"
    app_password: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    root_password: str = field(default_factory=lambda: secrets.token_urlsafe(24))

    def write(self) -> None:
        self.write_secrets()
        self.write_certificates()

    def write_secrets(self) -> None:
        self._write("secrets.json", json.dumps({"db_root_password": self.root_password, "db_app_password": self.app_password}), 0, 0o600)
        self._write("secrets/db/root_password", self.root_password, DATABASE_UID, 0o400)
        self._write("secrets/db/init.sql", self._init_sql(), DATABASE_UID, 0o400)
        self._write("secrets/app/db_password", self.app_password, APPLICATION_UID, 0o400)

    def write_certificates(self) -> None:
        """A new authority and a new certificate of the database each time."""
        ca_key, leaf_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        ca_name, leaf_name = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in ("echobase test CA", "database"))
        ca = self._certificate(ca_name, ca_name, ca_key, ca_key, x509.BasicConstraints(ca=True, path_length=0))
        names = x509.SubjectAlternativeName(
            [x509.DNSName("localhost"), *(x509.IPAddress(ipaddress.ip_address(ip)) for ip in ("127.0.0.1", self.env.mariadb_address))]
        )
        leaf = self._certificate(leaf_name, ca_name, leaf_key, ca_key, names)
        key = leaf_key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        self._write("tls/ca.crt", _pem(ca), 0, 0o644)
        self._write("tls/db/tls.crt", _pem(leaf) + _pem(ca), DATABASE_UID, 0o444)
        self._write("tls/db/tls.key", key.decode(), DATABASE_UID, 0o400)

    def _certificate(
        self,
        subject: x509.Name,
        issuer: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        signer: ec.EllipticCurvePrivateKey,
        extension: x509.ExtensionType,
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        builder = x509.CertificateBuilder(
            issuer_name=issuer,
            subject_name=subject,
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=now - datetime.timedelta(hours=1),
            not_valid_after=now + datetime.timedelta(days=2),
            extensions=[x509.Extension(extension.oid, True, extension)],
        )
        return builder.sign(signer, hashes.SHA256())

    def _init_sql(self) -> str:
        return (
            f"CREATE USER IF NOT EXISTS '{self.env.database_user}'@'%' IDENTIFIED BY '{self.app_password}' REQUIRE SSL;\n"
            f"GRANT SELECT, INSERT, UPDATE, DELETE, CREATE ON {self.env.database}.* TO '{self.env.database_user}'@'%';\n"
        )

    def _write(self, name: str, content: str, owner: int, mode: int) -> None:
        path = Path(self.env.path(name))
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}")
        temporary.write_text(content)
        temporary.chmod(mode)
        os.chown(temporary, owner, owner)
        temporary.replace(path)


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
