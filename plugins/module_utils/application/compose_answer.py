"""What Compose makes of a user's file: includes, environment files, profiles and `extends` are its business, not ours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.application.colour_project import PLACEHOLDERS
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.host.compose_command import compose, last_words


def compose_answer(file: str, variables: Mapping[str, str]) -> dict[str, Any]:
    """`variables` are those that the file may name as ${NAME}, beside what an `.env` file beside it says."""
    if not Path(file).is_file():
        raise Refusal(f"there is no Compose file {file}", "set echobase_application to the path of your application's Compose file")
    given = {name: str(value) for name, value in variables.items()} | PLACEHOLDERS
    done = compose("--file", file, "--profile", "*", "config", "--format", "json", variables=given)
    if done.returncode != 0:
        raise Refusal(
            f"Compose does not accept {file}: {last_words(done.stderr, done.returncode)}",
            f"see: docker compose --file {file} config",
        )
    return dict(json.loads(done.stdout))
