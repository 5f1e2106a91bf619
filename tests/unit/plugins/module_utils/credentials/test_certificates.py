from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome, Refusal
from ansible_collections.echobase.platform.plugins.module_utils.credentials import certificates
from ansible_collections.echobase.platform.plugins.module_utils.credentials.certificates import Certificates, Leaf, wanted_leaves
from ansible_collections.echobase.platform.plugins.module_utils.environment.database_places import ENGINES
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import environment

LEAVES = [Leaf("one", ("one.internal", "127.0.0.1"), os.getuid()), Leaf("two", ("two.internal",), os.getuid(), key_mode=0o440)]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(certificates, "ROOT", os.getuid())
    converge(tmp_path / "tls")
    return tmp_path / "tls"


def converge(folder: Path, leaves: list[Leaf] = LEAVES, days_later: int = 0, check: bool = False) -> Outcome:
    return Certificates(folder, "test", leaves, datetime.now(UTC) + timedelta(days=days_later)).present(check)


def reasons(outcome: Outcome) -> dict[str, str]:
    return dict(outcome.facts["renewed"])


def test_everything_is_issued_once(folder: Path, tmp_path: Path) -> None:
    assert not converge(folder).changed
    fresh = converge(tmp_path / "other/tls", check=True)
    assert reasons(fresh) == {"ca": "missing", "one": "missing", "two": "missing"}
    assert not (tmp_path / "other").exists()


def test_every_name_of_the_topology_is_covered() -> None:
    env = environment("devlocal")
    leaves = {leaf.folder: set(leaf.names) for leaf in wanted_leaves(env)}
    assert set(leaves) == {"edge", "desk", "db", "redis", "observability", "blue", "green"}
    assert {"desk.echobase.internal", "localhost", "127.0.0.1", env.desk_address} == leaves["desk"]
    engines = {"echobase-devlocal-durable-mariadb", "mariadb", "echobase-devlocal-durable-postgres", "postgres"}
    replicas = {
        name for engine in ENGINES for name in (env.replica(engine).container, env.replica(engine).service, env.replica(engine).address)
    }
    assert engines | replicas | {"localhost", "127.0.0.1", env.server("mariadb").address, env.server("postgresql").address} == leaves["db"]
    assert {"redis.echobase.internal", "localhost", "127.0.0.1", env.cache.address} == leaves["redis"]
    assert {"localhost", "127.0.0.1", "::1"} == leaves["edge"]
    assert {"green.echobase.internal", "localhost", "127.0.0.1"} == leaves["green"]


def put(target: str, content: str) -> Callable[[Path], object]:
    return lambda tls: (tls / target).write_text(content)


def copy(source: str, target: str) -> Callable[[Path], object]:
    return lambda tls: (tls / target).write_bytes((tls / source).read_bytes())


FOREIGN = "signed by another authority"


@pytest.mark.parametrize(
    ("harm", "expected"),
    [
        (lambda tls: (tls / "one/tls.key").unlink(), {"one": "missing"}),
        (put("one/tls.crt", "garbage"), {"one": "unreadable"}),
        (put("one/tls.key", "garbage"), {"one": "unreadable"}),
        (copy("two/tls.key", "one/tls.key"), {"one": "key does not belong to the certificate"}),
        (put("ca.key", "garbage"), {"ca": "unreadable", "one": FOREIGN, "two": FOREIGN}),
    ],
)
def test_harm_is_named_and_mended(folder: Path, harm: Callable[[Path], object], expected: dict[str, str]) -> None:
    harm(folder)
    assert reasons(converge(folder, check=True)) == expected
    assert reasons(converge(folder)) == expected
    assert not converge(folder).changed


def test_a_wrong_mode_is_mended_without_a_new_certificate(folder: Path) -> None:
    before = (folder / "two/tls.crt").read_bytes()
    (folder / "two/tls.key").chmod(0o644)
    assert reasons(converge(folder)) == {"two": f"tls.key is 0644 {os.getuid()}:{os.getuid()}"}
    assert (folder / "two/tls.crt").read_bytes() == before
    assert (folder / "two/tls.key").stat().st_mode & 0o777 == 0o440


def test_leaves_are_renewed_before_they_expire(folder: Path) -> None:
    assert not converge(folder, days_later=360).changed
    outcome = converge(folder, days_later=380, check=True)
    assert reasons(outcome) == {"one": "expires in 16 days", "two": "expires in 16 days"}
    assert outcome.before == "one: expires in 16 days\ntwo: expires in 16 days\n"
    assert "expired" in reasons(converge(folder, days_later=400, check=True))["one"]


def test_the_authority_is_renewed_before_it_would_expire_ahead_of_a_leaf(folder: Path) -> None:
    assert reasons(converge(folder, days_later=3300, check=True))["ca"] == "expires in 349 days"


def test_other_names_are_shown(folder: Path) -> None:
    changed = [Leaf("one", ("one.internal", "127.0.0.2"), os.getuid()), LEAVES[1]]
    assert reasons(converge(folder, changed)) == {"one": "names differ: 127.0.0.1, 127.0.0.2"}
    assert not converge(folder, changed).changed


def verified(folder: Path, leaf: str) -> str:
    """What openssl says of it; it ends in OK when it accepts the certificate."""
    done = subprocess.run(
        ["openssl", "verify", "-x509_strict", "-CAfile", str(folder / "ca.crt"), str(folder / leaf / "tls.crt")],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.stdout.strip()


@pytest.mark.parametrize("name", ["devlocal", "ci", "test"])
def test_the_authority_may_sign_every_name_of_its_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for user in ("ROOT", "DATABASE", "NGINX", "APPLICATION"):
        monkeypatch.setattr(certificates, user, os.getuid())
    env = environment(name, str(tmp_path))
    Certificates.of_environment(env).present(check=False)
    folder = Path(env.path("tls"))
    assert all(verified(folder, leaf.folder).endswith(": OK") for leaf in wanted_leaves(env))


@pytest.mark.parametrize("names", [("bank.example",), ("one.internal", "203.0.113.7"), ("internal",), ("nightone.internal",)])
def test_what_a_stolen_authority_signs_for_anybody_else_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch, names: tuple[str]
) -> None:
    thief = Certificates(folder, "test", [Leaf("forged", names, os.getuid())])
    with pytest.raises(Refusal, match=f"may not sign {names[-1]} - keep names and network prefix as they were"):
        thief.present(check=False)
    monkeypatch.setattr(Certificates, "_refuse_names_not_permitted", lambda *_: None)
    thief.present(check=False)
    assert "permitted subtree violation" in verified(folder, "forged")


def test_names_below_the_environments_own_may_come_later(folder: Path) -> None:
    converge(folder, [*LEAVES, Leaf("tool", ("grafana.echobase.internal",), os.getuid())])
    assert verified(folder, "tool").endswith(": OK")


def test_an_authority_of_before_stays_and_signs_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "tls"
    monkeypatch.setattr(certificates, "ROOT", os.getuid())
    monkeypatch.setattr(x509, "NameConstraints", lambda *_: x509.OCSPNoCheck())
    converge(folder)
    monkeypatch.undo()
    monkeypatch.setattr(certificates, "ROOT", os.getuid())
    before = (folder / "ca.crt").read_bytes()
    assert not converge(folder).changed
    converge(folder, [Leaf("one", ("elsewhere.example",), os.getuid())])
    assert (folder / "ca.crt").read_bytes() == before
    assert verified(folder, "one").endswith(": OK")


def test_an_authority_learns_another_public_name_and_keeps_its_key(folder: Path) -> None:
    """Whoever trusts it goes on to: only what has the name is issued anew, and the others are left alone."""
    before = {name: (folder / name).read_bytes() for name in ("ca.crt", "ca.key", "two/tls.crt")}
    leaves = [Leaf("one", ("one.internal", "127.0.0.1", "shop.example.com", "192.0.2.7", "2001:db8::7"), os.getuid()), LEAVES[1]]
    names = ["shop.example.com", "192.0.2.7", "2001:db8::7"]

    def present(check: bool) -> Outcome:
        return Certificates(folder, "test", leaves, public_names=names).present(check)

    expected = {"ca": f"may not sign {', '.join(names)}", "one": f"names differ: {', '.join(sorted(names))}"}
    assert reasons(present(check=True)) == expected
    assert (folder / "ca.crt").read_bytes() == before["ca.crt"]
    assert reasons(present(check=False)) == expected
    assert not present(check=False).changed
    assert [name for name, content in before.items() if (folder / name).read_bytes() != content] == ["ca.crt"]
    assert verified(folder, "one").endswith(": OK")
    assert verified(folder, "two").endswith(": OK")
    # Clients that still have the older certificate of the authority take what they took before.
    (folder / "ca.crt").write_bytes(before["ca.crt"])
    assert verified(folder, "two").endswith(": OK")


def test_a_name_of_a_service_is_no_public_name(folder: Path) -> None:
    thief = Certificates(folder, "test", [Leaf("forged", ("bank.example",), os.getuid())], public_names=["shop.example.com"])
    with pytest.raises(Refusal, match=r"may not sign bank\.example - keep names"):
        thief.present(check=False)


def test_public_names_are_in_the_certificate_of_the_edge_alone() -> None:
    env = environment("devlocal", public_names=["shop.example.com", "localhost", "192.0.2.7"])
    leaves = {leaf.folder: leaf.names for leaf in wanted_leaves(env)}
    assert leaves.pop("edge") == ("localhost", "127.0.0.1", "::1", "shop.example.com", "192.0.2.7")
    assert not any("shop.example.com" in names for names in leaves.values())
