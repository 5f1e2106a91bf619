"""A backend of the user's own: whether it takes what the collector sends there."""

from __future__ import annotations

import http.client
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal

# Beside the collector's configuration, below `observability` of the environment's state: the screen of `make status` asks, too.
FILE = "backend.json"
_PATIENCE = 5
# A backend may dislike a message without content: it is there and let us in all the same.
_NO_CONTENT = 400
_FINAL = range(401, 500)
_TOO_MANY = 429


@dataclass(frozen=True)
class OwnBackend:
    endpoint: str
    # Files on this machine; empty means no headers, and the machine's own list of authorities.
    headers_file: str = ""
    authority: str = ""

    @classmethod
    def described(cls, text: str | None) -> OwnBackend | None:
        """The one of that content of `FILE`; None for an environment that has its own stores."""
        return cls(**json.loads(text)) if text else None

    def trouble(self) -> str:
        """Why it takes nothing, and what becomes of what is sent meanwhile; empty when it does. The question is an empty message."""
        request = urllib.request.Request(f"{self.endpoint.rstrip('/')}/v1/traces", data=b"", headers=self._headers, method="POST")
        try:
            with self._opener.open(request, timeout=_PATIENCE):
                return ""
        except urllib.error.HTTPError as error:
            if error.code == _NO_CONTENT:
                return ""
            return self._told(f"it answers {error.code} {error.reason}", is_lost=error.code in _FINAL and error.code != _TOO_MANY)
        except urllib.error.URLError as error:
            return self._told(str(error.reason))
        except (OSError, http.client.HTTPException) as error:
            return self._told(str(error) or type(error).__name__)

    def _told(self, problem: str, *, is_lost: bool = False) -> str:
        meanwhile = "is lost, since the collector takes that for its last word" if is_lost else "waits on the collector's disk"
        return f"{self.endpoint} takes nothing: {problem}; what is sent {meanwhile}"

    @property
    def _headers(self) -> dict[str, str]:
        import yaml  # noqa: PLC0415 - comes with Ansible

        kind = {"Content-Type": "application/x-protobuf"}
        if not self.headers_file:
            return kind
        try:
            found = yaml.safe_load(Path(self.headers_file).read_text(encoding="utf-8"))
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise self._refusal(f"cannot be read ({type(error).__name__})") from error
        if not isinstance(found, Mapping):
            raise self._refusal("is no YAML mapping")
        return {str(name): str(value) for name, value in found.items()} | kind

    def _refusal(self, cause: str) -> Refusal:
        return Refusal(f"observability_headers_file {self.headers_file} {cause}", "write a line such as `Authorization: Bearer …` there")

    @property
    def _opener(self) -> urllib.request.OpenerDirector:
        try:
            trust = ssl.create_default_context(cafile=self.authority or None)
        except OSError as error:
            raise Refusal(
                f"observability_endpoint_authority {self.authority} is no certificate ({error})", "name a file with the authority's, as PEM"
            ) from error
        # The collector goes there by itself as well, past any proxy.
        return urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust))
