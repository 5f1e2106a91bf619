"""What Compose makes of a user's file: includes, environment files, profiles and `extends` are its business, not ours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.application.colour_project import PLACEHOLDERS
from ansible_collections.echobase.platform.plugins.module_utils.application.definition import WORKING_TREE
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.host.compose_command import compose, last_words


def compose_answer(file: str, variables: Mapping[str, str], *further: str) -> dict[str, Any]:
    """`variables` are those that the file may name as ${NAME}, beside what an `.env` file beside it says. `further` files change it."""
    if not Path(file).is_file():
        raise Refusal(f"there is no Compose file {file}", "set echobase_application to the path of your application's Compose file")
    given = {name: str(value) for name, value in variables.items()} | PLACEHOLDERS
    files = [argument for name in (file, *further) for argument in ("--file", name)]
    done = compose(*files, "--profile", "*", "config", "--format", "json", variables=given)
    if done.returncode != 0:
        raise Refusal(
            f"Compose does not accept {' with '.join((file, *further))}: {last_words(done.stderr, done.returncode)}",
            f"see: docker compose {' '.join(files)} config",
        )
    # Nobody but us says that of a file.
    return {key: value for key, value in json.loads(done.stdout).items() if key != WORKING_TREE}
