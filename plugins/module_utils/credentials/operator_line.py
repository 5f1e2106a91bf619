"""The operator's own line in the desk's file of accounts. It is ours until an administrator replaces or removes it; then it is his.

A record beside the secrets tells which line we wrote last, as a digest. Without it a setup could not tell an administrator's line, which
stays, from one of ours that is out of date.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from ansible_collections.echobase.platform.plugins.module_utils.base.atomic_file import write_durably
from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.base.python_packages import needed
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment

with needed("bcrypt"):
    import bcrypt

OPERATOR = "operator"
ACCOUNTS_FILE = "desk/operators.htpasswd"
# What became of the line: the kept password logs in, or an administrator wrote another one or took it away.
KEPT, REPLACED, REMOVED = "kept", "replaced", "removed"
_BCRYPT_COST = 10
_BCRYPT_HASH = re.compile(r"\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}")


@dataclass(frozen=True)
class LineRecord:
    """`written` is the digest of the line that we wrote last."""

    written: str = ""
    state: str = KEPT

    @classmethod
    def load(cls, file: Path) -> LineRecord:
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
            return cls(str(found["written"]), str(found["state"]))
        except FileNotFoundError:
            return cls()
        except (ValueError, KeyError, TypeError) as error:
            remedy = f"restore it from your backup, or remove it if nobody but setup ever wrote the line of {OPERATOR}"
            raise Refusal(f"{file} is damaged", remedy) from error

    def save(self, file: Path) -> None:
        write_durably(file, json.dumps(asdict(self), indent=2, sort_keys=True) + "\n", mode=0o600)


@dataclass(frozen=True)
class Accounts:
    """What the file of accounts should hold, and what is recorded about it afterwards."""

    content: str
    record: LineRecord


def wanted_accounts(password: str, file: Path, record: LineRecord, renewed: bool = False) -> Accounts:
    """Everybody else's lines stay as they are. `renewed` tells that somebody asked for our line, whatever is there now."""
    found = _lines(file)
    others = [line for line in found or [] if line.strip() and not _is_ours(line)]
    own = next((line for line in found or [] if _is_ours(line)), "")
    state = KEPT if renewed else _state(password, own, found is None, record)
    if state == KEPT and (renewed or not fits(password, own)):
        own = _entry(password)
    written = _digest(own) if state == KEPT else record.written
    return Accounts("".join(f"{line}\n" for line in [own, *others] if line), LineRecord(written, state))


def login_of_operator(env: Environment) -> str:
    """Says what became of the operator's line by what the files say now: KEPT, REPLACED or REMOVED."""
    password, found = Path(env.path("secrets", "operator_password")), _lines(Path(env.path("secrets", ACCOUNTS_FILE)))
    own = next((line for line in found or [] if _is_ours(line)), "")
    if found is None or not password.exists():
        return KEPT
    return REMOVED if not own else KEPT if fits(password.read_text(encoding="utf-8").strip(), own) else REPLACED


def warning(env: Environment, state: str) -> str:
    what = "has another password than the one we keep" if state == REPLACED else "cannot log in"
    return (
        f"user {OPERATOR} {what}: somebody {state} its line in {env.path('secrets', ACCOUNTS_FILE)}, and that stays so"
        f" - {playbook('rotate_secrets', rotate='operator_password')} gives it a new password of our making"
    )


def fits(password: str, line: str) -> bool:
    hashed = line.partition(":")[2].strip()
    return _BCRYPT_HASH.fullmatch(hashed) is not None and bcrypt.checkpw(password.encode(), hashed.encode())


def _state(password: str, own: str, is_missing: bool, record: LineRecord) -> str:
    if is_missing:
        # The file was never written, or was lost with a file system in memory. Then an administrator's lines are lost, and ours stays away.
        return KEPT if record.state == KEPT else REMOVED
    if not own:
        return REMOVED
    return KEPT if fits(password, own) or _digest(own) == record.written else REPLACED


def _is_ours(line: str) -> bool:
    return line.startswith(f"{OPERATOR}:")


def _lines(file: Path) -> list[str] | None:
    """Gives the lines of the file of accounts; None where there is no such file."""
    try:
        return file.read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _entry(password: str) -> str:
    fresh = bcrypt.hashpw(password.encode(), bcrypt.gensalt(_BCRYPT_COST)).decode()
    # The prefix that every htpasswd file has; the hash is the same.
    return f"{OPERATOR}:{fresh.replace('$2b$', '$2y$', 1)}"


def _digest(line: str) -> str:
    return hashlib.sha256(line.encode()).hexdigest()[:16]
