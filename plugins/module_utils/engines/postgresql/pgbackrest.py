"""pgBackRest as our image has it: its configuration, and its commands run inside a container that has the repository."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.database.backup_tool import FAILED_BACKUP_TOOL_REMEDY
from ansible_collections.echobase.platform.plugins.module_utils.environment.backup_target import BackupTarget

if TYPE_CHECKING:
    from docker import DockerClient

# The server runs this for each finished segment of its log. The image's wrapper adds the stanza, the configuration and the secrets.
ARCHIVE_COMMAND = "pgbackrest archive-push %p"
CONFIGURATION = "pgbackrest.conf"
CA_FILE = "backup-ca.crt"
# The server's own configuration is mounted there, too.
CONFIGURATION_FOLDER = "/etc/echobase"
STANZA = "durable"
# This link leads to the generation that is served.
_DATA = "/var/lib/postgresql/data/current"
_ERROR = re.compile(r"ERROR: \[(\d+)\]: (.*)")
_OTHER_KEY = (
    "with another key than it was made with nobody can read it: restore the environment's secrets.json from then;"
    " if the key is right, these files are damaged"
)
_REMEDIES = {
    "029": _OTHER_KEY,
    "095": _OTHER_KEY,
    "050": "another pgbackrest is at work there: wait until it is done, then run this again",
    "055": f"{playbook('backup')} makes what was never there; what was lost is in another copy of the repository only",
    "064": "make room on that disk (df -h), then run this again",
}
# `info` gives these codes where there is no such stanza or nothing in it, and the one below for a trouble that it cannot name.
NO_STANZA = (1, 3)
_TROUBLE = 99
# More than that would wait for the disk or the network.
_MOST_PROCESSES = 8


def processes(cores: int) -> int:
    """How many of the tool's processes compress and encrypt at once, each a file of its own.

    Where there are more than two cores, the served database keeps half of them.
    """
    return min(max(cores // 2, 2), cores, _MOST_PROCESSES)


def configuration(target: BackupTarget, cores: int) -> str:
    """The configuration file for a machine with so many cores; it holds no secret."""
    repository = {"repo1-path": "/backups"}
    if target.is_remote:
        repository = {
            "repo1-type": "s3",
            "repo1-path": f"/{target.prefix}",
            "repo1-s3-bucket": target.bucket,
            "repo1-s3-region": target.region,
            "repo1-s3-endpoint": target.endpoint.removeprefix("https://") or "s3.amazonaws.com",
            **({"repo1-s3-uri-style": "path"} if target.endpoint else {}),
            **({"repo1-storage-ca-file": f"{CONFIGURATION_FOLDER}/{CA_FILE}"} if target.ca_file else {}),
        }
    everywhere = {
        **repository,
        "repo1-cipher-type": "aes-256-cbc",
        "repo1-bundle": "y",
        # The collection decides which backups go, since it knows which were restored; the tool never does by a count.
        "repo1-retention-full": "9999999",
        "expire-auto": "n",
        "compress-type": "zst",
        "process-max": str(processes(cores)),
        "start-fast": "y",
        "lock-path": "/tmp/pgbackrest",
        "log-level-file": "off",
        "log-level-console": "off",
        "log-level-stderr": "warn",
    }
    server = {"pg1-path": _DATA, "pg1-socket-path": "/run/postgresql", "pg1-user": "postgres"}
    lines = ["# Written by the collection with each backup.", "[global]", *_lines(everywhere), "", f"[{STANZA}]", *_lines(server)]
    return "\n".join([*lines, ""])


def _lines(settings: dict[str, str]) -> list[str]:
    return [f"{name}={value}" for name, value in settings.items()]


@dataclass(frozen=True)
class PgBackrest:
    docker: DockerClient
    container: str

    def run(self, *arguments: str) -> str:
        status, output, complaint = self.attempt("pgbackrest", *arguments)
        if status != 0:
            raise refusal(f"pgbackrest {arguments[0]}", complaint or output)
        return output

    def table(self, *arguments: str) -> Any:
        question = (*arguments, "--output=json")
        # An answer is never empty, but on a busy machine Docker has been seen to lose one. Asking twice changes nothing.
        answer = self.run(*question) or self.run(*question)
        # A message may hold whatever bytes were found instead of what was expected.
        return json.loads(answer, strict=False)

    def stanza(self) -> dict[str, Any]:
        """What `info` tells of the repository."""
        found = dict(self.table("info")[0])
        if found["status"]["code"] == _TROUBLE:
            reason = found["repo"][0]["status"]["message"].partition("\n")[0].rstrip(":")
            code = "029" if reason.startswith(("[FormatError]", "[CryptoError]")) else ""
            raise refusal("reading the repository", f"ERROR: [{code or '0'}]: {reason}")
        return found

    def attempt(self, *command: str) -> tuple[int, str, str]:
        """Runs a command; gives its exit status, output and complaints."""
        api = self.docker.api
        run = api.exec_create(self.container, list(command))["Id"]
        output, complaint = api.exec_start(run, demux=True)
        status = api.exec_inspect(run)["ExitCode"]
        return int(status), (output or b"").decode(errors="replace"), (complaint or b"").decode(errors="replace")


def refusal(what: str, complaint: str, otherwise: str = FAILED_BACKUP_TOOL_REMEDY) -> Refusal:
    """A refusal with the tool's own last words, and what to do where they have a known reason."""
    errors = _ERROR.findall(complaint)
    if "is not later than latest backup label" in complaint:
        latest = complaint.partition("latest backup label '")[2].partition("'")[0]
        return Refusal(
            f"{what} failed: by this machine's clock it is now not later than backup {latest}, so the clock was set back since",
            "see timedatectl and set the clock right; if it is right, wait until the time of that backup has passed",
        )
    code, text = errors[-1] if errors else ("", complaint.strip().rpartition("\n")[2] or "it gave no reason")
    return Refusal(f"{what} failed: {text.strip().rstrip(':')}", _REMEDIES.get(code, otherwise))
