"""Preview tokens: whoever holds one sees one colour at the operators' entrance, until it expires.

The twin of apps/operators_desk/previews.py, which checks them; a unit test holds the two together.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time

from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment

# Long enough for a whole verification.
SECONDS = 300
_MOST_MINUTES = 7 * 24 * 60


def preview_token(env: Environment, colour: str, key: str, seconds: int = SECONDS) -> str:
    text = f"{env.colour(colour).name}|{int(time.time()) + seconds}"
    signature = hmac.digest(key.encode(), f"{env.name}|{text}".encode(), hashlib.sha256)
    return f"{text.replace('|', '.')}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


def preview_headers(env: Environment, colour: str, key: str) -> dict[str, str]:
    """The token travels in a cookie, since the Authorization header belongs to the application's own customers."""
    return {"Cookie": f"{env.preview_cookie}={preview_token(env, colour, key)}"}


def preview_link(env: Environment, colour: str, key: str, minutes: int, host: str) -> str:
    """The link is for somebody without an account, who only has to open it. Without a host it has the environment's public name."""
    if not colour:
        raise Refusal(
            "no colour is without traffic, so the link has to name one", f"{playbook('preview', preview_colour='blue')} links to blue"
        )
    if not 1 <= minutes <= _MOST_MINUTES:
        raise Refusal(f"a link cannot be good for {minutes} minutes", f"choose 1 to {_MOST_MINUTES} (a week)")
    entrance = f"https://{host}:{env.operators_port}" if host else env.operators_url
    return f"{entrance}/preview/open?token={preview_token(env, colour, key, 60 * minutes)}"
