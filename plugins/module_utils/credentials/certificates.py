"""An environment's own certificate authority and the certificates of whoever listens in it."""

from __future__ import annotations

import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome, Refusal
from ansible_collections.echobase.platform.plugins.module_utils.base.python_packages import needed
from ansible_collections.echobase.platform.plugins.module_utils.credentials.key_pair import (
    KeyPair,
    key_usage,
    leads_to,
    make_folder,
    mismatch,
    read_pair,
    signed_by,
    write_pair,
)
from ansible_collections.echobase.platform.plugins.module_utils.environment.database_places import ENGINES
from ansible_collections.echobase.platform.plugins.module_utils.environment.inside import APPLICATION, DATABASE, NGINX, OBSERVER, ROOT
from ansible_collections.echobase.platform.plugins.module_utils.environment.locks import certificates_lock
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import (
    COLLECTOR_TLS_NAME,
    INTERNAL,
    Environment,
)

with needed("cryptography"):
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_LOOPBACK = "127.0.0.0/8"
DESK_TLS_NAME = f"desk.{INTERNAL}"
AUTHORITY_DAYS = 3650
LEAF_DAYS = 397
RENEW_BEFORE_DAYS = 30
# The authority outlives whatever it signs.
RENEW_AUTHORITY_BEFORE_DAYS = LEAF_DAYS + RENEW_BEFORE_DAYS
# Clocks of other machines may be a little behind.
_BACKDATED = timedelta(hours=1)


@dataclass(frozen=True)
class Leaf:
    """A certificate that someone needs: in which folder, for which names, readable by whom."""

    folder: str
    names: tuple[str, ...]
    uid: int
    key_mode: int = 0o400

    @property
    def alternatives(self) -> list[x509.GeneralName]:
        return [x509.IPAddress(address) if (address := _address(name)) else x509.DNSName(name) for name in self.names]


@dataclass(frozen=True)
class Change:
    name: str
    reason: str
    reissue: bool
    # An authority's key, which stays: whoever trusts the authority goes on to trust it.
    key: ec.EllipticCurvePrivateKey | None = None


def wanted_leaves(env: Environment) -> list[Leaf]:
    local = ("localhost", "127.0.0.1")
    databases = [server for engine in ENGINES for server in (env.server(engine), env.replica(engine))]
    database_names = [name for server in databases for name in (server.container, server.service)]
    leaves = [
        Leaf("edge", tuple(dict.fromkeys((*local, "::1", *env.public_names))), NGINX),
        Leaf("desk", (DESK_TLS_NAME, *local, env.desk_address), APPLICATION),
        Leaf("db", (*database_names, *local, *(server.address for server in databases)), DATABASE),
    ]
    cache = env.cache
    leaves.append(Leaf(cache.service, (cache.tls_name, *local, cache.address), DATABASE))
    # Authorities that are older than these may sign what is below echobase.internal, and addresses on the durable network.
    observers = (COLLECTOR_TLS_NAME, *(tool.tls_name for tool in env.tools.values()))
    leaves.append(Leaf("observability", (*observers, *local, env.collector_address), OBSERVER))
    for colour in env.colours.values():
        # Whichever services its application has: who calls one of them expects the colour's name.
        names = (colour.tls_name, *local)
        leaves.append(Leaf(colour.name, names, APPLICATION, key_mode=0o440))
    return leaves


class Certificates:
    """`networks` are those that the environment may have addresses in, besides the addresses that its leaves have now.

    `public_names` are the names that an authority may learn later: customers' names change, and those of its own services do not.
    """

    def __init__(
        self,
        folder: Path,
        subject: str,
        leaves: Iterable[Leaf],
        now: datetime | None = None,
        *,
        networks: Iterable[str] = (),
        public_names: Iterable[str] = (),
    ) -> None:
        self._folder = folder
        self._subject = subject
        self._leaves = list(leaves)
        self._networks = list(networks)
        self._public_names = set(public_names)
        self._now = now or datetime.now(UTC)

    @classmethod
    def of_environment(cls, env: Environment) -> Certificates:
        networks = (env.durable_network.subnet, env.edge_network.subnet)
        leaves = wanted_leaves(env)
        return cls(Path(env.path("tls")), f"echobase {env.name}", leaves, networks=networks, public_names=env.public_names)

    def present(self, check: bool) -> Outcome:
        changes = self._plan()
        if changes and not check:
            with certificates_lock(self._folder.parent):
                changes = self._plan()
                self._apply({change.name: change for change in changes})
        return Outcome(
            changed=bool(changes),
            before="".join(f"{change.name}: {change.reason}\n" for change in changes),
            after="".join(f"{change.name}: as wanted\n" for change in changes),
            facts={"renewed": {change.name: change.reason for change in changes}, "ca_file": str(self._folder / "ca.crt")},
        )

    @property
    def authority_pem(self) -> bytes | None:
        """What clients are to trust; None while the authority is to be issued, for the first time or anew."""
        authority, reason = self._authority()
        return None if authority is None or reason else authority.certificate_pem

    def _plan(self) -> list[Change]:
        authority, reason = self._authority()
        trusted = None if reason else authority
        news = self._news_to(trusted.certificate) if trusted is not None else []
        if trusted is not None and news:
            changes = [Change("ca", f"may not sign {', '.join(news)}", reissue=True, key=trusted.key)]
        elif reason:
            changes = [Change("ca", reason, reissue=True)]
        else:
            changes = self._permissions("ca", "ca.crt", "ca.key", ROOT, 0o600)
        for leaf in self._leaves:
            reason = self._leaf_reason(leaf, trusted)
            certificate, key = f"{leaf.folder}/tls.crt", f"{leaf.folder}/tls.key"
            if reason:
                changes.append(Change(leaf.folder, reason, reissue=True))
            else:
                changes += self._permissions(leaf.folder, certificate, key, leaf.uid, leaf.key_mode)
        return changes

    def _authority(self) -> tuple[KeyPair | None, str]:
        try:
            pair = read_pair(self._folder / "ca.crt", self._folder / "ca.key")
        except FileNotFoundError:
            return None, "missing"
        except (ValueError, TypeError, UnsupportedAlgorithm):
            return None, "unreadable"
        return pair, mismatch(pair) or self._expiry(pair, RENEW_AUTHORITY_BEFORE_DAYS)

    def _leaf_reason(self, leaf: Leaf, authority: KeyPair | None) -> str:
        """Gives why the certificate must be issued anew; empty when it is good."""
        folder = self._folder / leaf.folder
        try:
            pair = read_pair(folder / "tls.crt", folder / "tls.key")
        except (FileNotFoundError, NotADirectoryError):
            return "missing"
        except (ValueError, TypeError, UnsupportedAlgorithm):
            return "unreadable"
        if authority is None or not signed_by(pair, authority) or not leads_to(folder / "tls.crt", authority):
            return "signed by another authority"
        return mismatch(pair) or self._other_names(pair, leaf) or self._expiry(pair, RENEW_BEFORE_DAYS)

    def _other_names(self, pair: KeyPair, leaf: Leaf) -> str:
        try:
            found = set(pair.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
        except x509.ExtensionNotFound:
            found = set()
        difference = found.symmetric_difference(leaf.alternatives)
        return "names differ: " + ", ".join(sorted(str(name.value) for name in difference)) if difference else ""

    def _news_to(self, authority: x509.Certificate) -> list[str]:
        """Gives the public names that the authority may not sign yet."""
        permitted = _permitted_by(authority)
        wanted = [name for leaf in self._leaves for name in leaf.names]
        foreign = [name for name in dict.fromkeys(wanted) if permitted is not None and not any(_is_below(name, tree) for tree in permitted)]
        self._refuse_names_not_permitted([name for name in foreign if name not in self._public_names])
        return [name for name in foreign if name in self._public_names]

    def _refuse_names_not_permitted(self, foreign: Sequence[str]) -> None:
        """A new authority would end every connection of what runs, which knows the old one."""
        if foreign:
            raise Refusal(
                f"the authority {self._folder / 'ca.crt'} may not sign {', '.join(foreign)}",
                f"keep names and network prefix as they were, or tear the environment down, remove {self._folder} and set it up again:"
                " then clients have to trust the new authority",
            )

    def _permitted_names(self) -> list[x509.GeneralName]:
        """What a thief of the authority's key could pose as: this environment, and nobody else."""
        names = dict.fromkeys([INTERNAL, _LOOPBACK, *(name for leaf in self._leaves for name in leaf.names), *self._networks])
        return [x509.DNSName(name) if (network := _network(name)) is None else x509.IPAddress(network) for name in names]

    def _expiry(self, pair: KeyPair, renew_before: int) -> str:
        left = pair.certificate.not_valid_after_utc - self._now
        if left > timedelta(days=renew_before):
            return ""
        return f"expires in {left.days} days" if left > timedelta(0) else f"expired {-left.days} days ago"

    def _permissions(self, name: str, certificate: str, key: str, uid: int, key_mode: int) -> list[Change]:
        wanted = {certificate: 0o644, key: key_mode}
        wrong = []
        for file, mode in wanted.items():
            found = (self._folder / file).stat()
            if (stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid) != (mode, uid, uid):
                wrong.append(f"{Path(file).name} is {stat.S_IMODE(found.st_mode):04o} {found.st_uid}:{found.st_gid}")
        return [Change(name, ", ".join(wrong), reissue=False)] if wrong else []

    def _apply(self, changes: dict[str, Change]) -> None:
        make_folder(self._folder)
        authority = self._authority()[0]
        if "ca" in changes:
            if changes["ca"].reissue or authority is None:
                authority = self._new_authority(changes["ca"].key)
            write_pair(authority, self._folder / "ca.crt", self._folder / "ca.key", uid=ROOT, key_mode=0o600)
        for leaf in self._leaves:
            if leaf.folder not in changes or authority is None:
                continue
            folder = self._folder / leaf.folder
            make_folder(folder)
            certificate, key = folder / "tls.crt", folder / "tls.key"
            pair = self._issue(leaf, authority) if changes[leaf.folder].reissue else read_pair(certificate, key)
            write_pair(pair, certificate, key, uid=leaf.uid, key_mode=leaf.key_mode, chain=authority.certificate_pem)

    def _new_authority(self, key: ec.EllipticCurvePrivateKey | None = None) -> KeyPair:
        key = key or ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{self._subject} certificate authority")])
        builder = (
            self._builder(name, name, key, AUTHORITY_DAYS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(key_usage(signs_certificates=True), critical=True)
            .add_extension(x509.NameConstraints(self._permitted_names(), None), critical=True)
        )
        return KeyPair(builder.sign(key, hashes.SHA256()), key)

    def _issue(self, leaf: Leaf, authority: KeyPair) -> KeyPair:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, leaf.names[0])])
        issuer = authority.certificate
        builder = (
            self._builder(name, issuer.subject, key, LEAF_DAYS)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectAlternativeName(leaf.alternatives), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()), critical=False)
        )
        return KeyPair(builder.sign(authority.key, hashes.SHA256()), key)

    def _builder(self, subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: int) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now - _BACKDATED)
            .not_valid_after(self._now + timedelta(days=days))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )


def _address(name: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(name)
    except ValueError:
        return None


def _network(name: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(name)
    except ValueError:
        return None


def _permitted_by(authority: x509.Certificate) -> list[x509.GeneralName] | None:
    """Gives the names that the authority may sign; None where it may sign anything, as those of earlier versions."""
    try:
        constraints = authority.extensions.get_extension_for_class(x509.NameConstraints)
    except x509.ExtensionNotFound:
        return None
    return list(constraints.value.permitted_subtrees or [])


def _is_below(name: str, tree: x509.GeneralName) -> bool:
    address = _address(name)
    if address is None:
        return isinstance(tree, x509.DNSName) and f".{name}".endswith(f".{tree.value}")
    return isinstance(tree, x509.IPAddress) and isinstance(tree.value, IPv4Network | IPv6Network) and address in tree.value
