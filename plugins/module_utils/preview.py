"""How an operator asks for one colour by name at the operators' entrance."""

from __future__ import annotations

from ansible_collections.echobase.platform.plugins.module_utils.topology import Environment


def preview_headers(env: Environment, colour: str, session: str) -> dict[str, str]:
    """Both are cookies: the Authorization header belongs to the application's own customers."""
    return {"Cookie": f"{env.preview_cookie}={colour}; {env.operator_cookie}={session}"}
