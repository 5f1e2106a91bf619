"""The repository, through restic: encrypted, compressed and checksummed, in a folder or in S3."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from backups.trouble import Trouble, last_words

_NO_REPOSITORY, _LOCKED = 10, 11
# A folder needs no cache, and a container that lives for one call has no use for one.
_RESTIC = ("restic", "--no-cache")
# The archiver alone locks for itself, for moments only; without the option whoever comes then would fail.
_PATIENCE = ("--retry-lock", "5m")
_CHUNK = 1 << 20
# A pack that no index knows was left by something that was killed.
_PACK = re.compile(r"\bpack ([0-9a-f]{64})\b(?!: not referenced)")
# Otherwise it could not look.
_DAMAGED = ("repository contains errors", "LoadIndex returned errors")
_BLOB = re.compile(r"\bblob ([0-9a-f]{64})\b")
_SNAPSHOT = re.compile(r'"snapshot":"([0-9a-f]{64})"')
_CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": Path("/run/secrets/backup_s3_key"),
    "AWS_SECRET_ACCESS_KEY": Path("/run/secrets/backup_s3_secret"),
}


def make() -> bool:
    """Makes the repository where there is none; tells whether it had to."""
    if _run("cat", "config", "--no-lock").returncode != _NO_REPOSITORY:
        # Any other error shows itself here, a wrong key above all.
        _output("cat", "config", "--no-lock")
        return False
    _output("init")
    return True


def snapshots() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(_output("snapshots", "--json", "--no-lock"))
    return found


def tags_of(snapshot: Mapping[str, Any]) -> dict[str, str]:
    pairs = (tag.partition("=") for tag in snapshot.get("tags") or ())
    return {name: value for name, _, value in pairs}


def store_files(folder: Path, tags: Mapping[str, str]) -> str:
    """Stores a folder and returns the snapshot's id. What a former snapshot of the folder has is neither read nor written again."""
    return str(_stored(str(folder), tags=tags)["snapshot_id"])


def store_output(command: Sequence[str], name: str, tags: Mapping[str, str]) -> dict[str, Any]:
    """Stores what a command writes to its standard output; there is no snapshot unless it ended well."""
    return _stored("--stdin-from-command", "--stdin-filename", name, "--", *command, tags=tags)


def forget(identifiers: Iterable[str], prune: bool) -> None:
    forgotten = list(identifiers)
    if forgotten:
        _output("forget", *forgotten)
    if prune:
        _output("prune")


def unlock() -> None:
    """Removes all locks, for a caller who knows that whoever made them is dead."""
    _output("unlock", "--remove-all")


def add_password(file: str) -> None:
    """Adds a password: from now on both open the repository. A second call changes nothing."""
    if _run("cat", "config", "--no-lock", "--password-file", file).returncode != 0:
        _output("key", "add", *_PATIENCE, "--new-password-file", file)


def remove_other_passwords() -> int:
    """Removes all passwords but the one that opened the repository just now; gives how many those were."""
    keys = json.loads(_output("key", "list", "--json", "--no-lock"))
    others = [str(key["id"]) for key in keys if not key["current"]]
    for key in others:
        _output("key", "remove", *_PATIENCE, key)
    return len(others)


def problems() -> list[str]:
    """Gives what is wrong with the repository, of which it reads every byte and changes nothing."""
    done = _run("check", "--read-data", "--no-lock")
    return _complaints(done)[:5] if done.returncode != 0 else []


def _complaints(done: subprocess.CompletedProcess[str]) -> list[str]:
    lines = [line.strip() for line in (done.stdout + done.stderr).splitlines()]
    telling = [line for line in lines if "rror" in line or "Fatal" in line or "missing" in line or "ciphertext" in line]
    return telling or [last_words(done.stderr)]


def damage(part: str) -> list[dict[str, Any]]:
    """Reads a part of all packs, such as 2/7; gives what is damaged there, and the snapshots that need it. Nothing is changed."""
    # An archiver is at work meanwhile: what it had taken away between two looks is not damaged the next time.
    for _ in range(2):
        done = _run("check", f"--read-data-subset={part}", "--no-lock")
        if done.returncode == 0:
            return []
    if not any(verdict in done.stderr for verdict in _DAMAGED):
        raise Trouble(f"restic check: {last_words(done.stderr)}")
    told = done.stdout + done.stderr
    packs = {pack[1]: line for line in told.splitlines() if (pack := _PACK.search(line))}
    found = [{"what": f"pack {pack[:8]} is damaged", "snapshots": _needing(line, pack)} for pack, line in sorted(packs.items())]
    return found or [{"what": "restic check: " + _complaints(done)[0].rstrip(":"), "snapshots": _needing(told)}]


def _needing(complaint: str, pack: str = "") -> list[str]:
    """Gives the snapshots that need what is damaged: the pieces of a pack that are named, else all of it. Even this may not be known."""
    blobs = sorted(set(_BLOB.findall(complaint)))
    wanted = ["--blob", *blobs] if blobs else ["--pack", pack]
    told = _run("find", "--json", "--no-lock", *wanted).stdout if blobs or pack else ""
    return sorted(set(_SNAPSHOT.findall(told))) or _unreadable()


def _unreadable() -> list[str]:
    names = [str(snapshot["id"]) for snapshot in snapshots()]
    return [name for name in names if _run("ls", "--no-lock", name).returncode != 0]


@contextmanager
def opened(snapshot: str, path: str, *options: str) -> Iterator[IO[bytes]]:
    """Opens a file of a snapshot, or with `--archive tar` a folder, as a stream; it is an error unless all of it can be read."""
    command = [*_RESTIC, "dump", "--no-lock", *options, snapshot, path]
    with (
        tempfile.TemporaryFile() as complaints,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=complaints, env=_environment()) as dump,
    ):
        assert dump.stdout
        try:
            yield dump.stdout
            while dump.stdout.read(_CHUNK):
                pass
        except BaseException:
            # A reader fails when it is given too little; then that is what is wrong.
            if dump.stdout.read(1) or dump.wait() == 0:
                dump.kill()
                raise
        failed = dump.wait() != 0
        complaints.seek(0)
        complaint = complaints.read().decode(errors="replace")
    if failed:
        raise Trouble(f"the repository cannot give back snapshot {snapshot[:8]}: {last_words(complaint)}")


def _stored(*arguments: str, tags: Mapping[str, str]) -> dict[str, Any]:
    named = [option for name, value in tags.items() for option in ("--tag", f"{name}={value}")]
    command = ("backup", "--json", "--host", "echobase", *_PATIENCE, *named, *arguments)
    for line in reversed(_output(*command).splitlines()):
        told: dict[str, Any] = json.loads(line)
        if told.get("message_type") == "summary":
            return told
    raise Trouble("restic ended without a word on what it stored")


def _output(*arguments: str) -> str:
    done = _run(*arguments)
    if done.returncode == _LOCKED:
        raise LockedError(last_words(done.stderr))
    if done.returncode != 0:
        raise Trouble(f"restic {arguments[0]}: {last_words(done.stderr)}")
    return done.stdout


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*_RESTIC, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, env=_environment(), check=False)


def _environment() -> dict[str, str]:
    """Gives the environment variables of restic. Files with credentials are there for S3 only."""
    credentials = {name: file for name, file in _CREDENTIALS.items() if file.exists()}
    return os.environ | {name: file.read_text(encoding="ascii").strip() for name, file in credentials.items()}


class LockedError(Trouble):
    pass
