"""A certificate that somebody else signed for the environment's public names: checked, and laid beside the edge's own one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from ansible_collections.echobase.platform.plugins.module_utils.base.atomic_file import write_durably
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome, Refusal
from ansible_collections.echobase.platform.plugins.module_utils.base.python_packages import needed
from ansible_collections.echobase.platform.plugins.module_utils.environment.inside import NGINX

with needed("cryptography"):
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

# The edge shows it to whoever asks for another name than `localhost` (roles/edge/templates/nginx.conf.j2).
CERTIFICATE, KEY = "own.crt", "own.key"
_WARN_BEFORE_DAYS = 30


@dataclass(frozen=True)
class OwnCertificate:
    # The certificate with its chain, and its key, as PEM.
    certificate: str
    key: str
    names: Sequence[str]

    def present(self, folder: Path, check: bool, now: datetime | None = None, uid: int = NGINX) -> Outcome:
        warnings = self._warnings(now or datetime.now(UTC))
        wanted = {KEY: (self.key, 0o400), CERTIFICATE: (self.certificate, 0o644)}
        changed = [name for name, (content, mode) in wanted.items() if _found(folder / name) != (content.encode(), mode, uid)]
        if changed and not check:
            folder.mkdir(parents=True, exist_ok=True)
            for name in changed:
                content, mode = wanted[name]
                write_durably(folder / name, content, mode=mode, owner=(uid, uid))
        shown = "".join(f"edge/{name}: as the controller has it\n" for name in changed)
        return Outcome(changed=bool(changed), before="".join(f"edge/{name}: other\n" for name in changed), after=shown, warnings=warnings)

    def _warnings(self, now: datetime) -> list[str]:
        """Refuses what no browser would take."""
        found = self._certificate()
        if _public(self._private_key()) != _public(found):
            raise Refusal("tls_key_file is not the key of tls_certificate_file", "name the two that belong together")
        if found.not_valid_before_utc > now:
            raise Refusal(
                f"tls_certificate_file is not valid before {found.not_valid_before_utc:%Y-%m-%d %H:%M} UTC", "wait, or take another one"
            )
        left = found.not_valid_after_utc - now
        if left <= timedelta(0):
            raise Refusal(f"tls_certificate_file has expired on {found.not_valid_after_utc:%Y-%m-%d}", "have it renewed")
        missing = [name for name in self.names if not _covers(found, name)]
        if missing:
            raise Refusal(
                f"tls_certificate_file is not for {', '.join(missing)}",
                "take one for all of echobase_public_names, or leave those names out",
            )
        return [f"tls_certificate_file expires in {left.days} days"] if left < timedelta(days=_WARN_BEFORE_DAYS) else []

    def _certificate(self) -> x509.Certificate:
        """The first one of the file: those that follow lead to an authority."""
        try:
            return x509.load_pem_x509_certificates(self.certificate.encode())[0]
        except ValueError as error:
            raise Refusal("tls_certificate_file has no certificate that can be read", "give it as PEM, with the chain below it") from error

    def _private_key(self) -> object:
        try:
            return load_pem_private_key(self.key.encode(), password=None)
        except TypeError as error:
            raise Refusal(
                "tls_key_file is encrypted with a password", "write it without one; on the host only the edge can read it"
            ) from error
        except (ValueError, UnsupportedAlgorithm) as error:
            raise Refusal("tls_key_file has no key that can be read", "give it as PEM") from error


def _public(of: object) -> bytes:
    public = of.public_key()  # type: ignore[attr-defined]  # keys of every kind and certificates have one
    return bytes(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def _covers(certificate: x509.Certificate, name: str) -> bool:
    try:
        alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return False
    try:
        return ip_address(name) in alternatives.get_values_for_type(x509.IPAddress)
    except ValueError:
        known = {one.lower() for one in alternatives.get_values_for_type(x509.DNSName)}
        # A star stands for one label.
        return bool(known & {name.lower(), f"*.{name.lower().partition('.')[2]}"})


def _found(file: Path) -> tuple[bytes, int, int] | None:
    try:
        status = file.stat()
        return file.read_bytes(), status.st_mode & 0o7777, status.st_uid
    except FileNotFoundError:
        return None
