"""Who may call: each request's signature (AWS Signature Version 4) is proved before moto sees anything of it."""

from __future__ import annotations

import configparser
import hashlib
import hmac
import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

# AWS takes a signature whose time differs by no more than this.
LATE = timedelta(minutes=15)
# No message, secret or data key is nearly as large.
MOST_BYTES = 16 * 1024 * 1024

_ALGORITHM = "AWS4-HMAC-SHA256"
_TIMESTAMP = "%Y%m%dT%H%M%SZ"
_AUTHORIZATION = re.compile(
    rf"{_ALGORITHM} Credential=(?P<key>[^/,\s]+)/(?P<day>\d{{8}})/(?P<region>[a-z0-9-]+)/(?P<service>[a-z0-9.-]+)/aws4_request,"
    r"\s*SignedHeaders=(?P<headers>[a-z0-9;_-]+),\s*Signature=(?P<signature>[0-9a-f]{64})",
)
# Headers that are not signed could be changed on the way.
_ALWAYS_SIGNED = {"host", "x-amz-date"}
_WITHOUT_PREFIX = {"content-type": "CONTENT_TYPE", "content-length": "CONTENT_LENGTH"}


class Unsigned(Exception):
    """The caller did not prove that it has the environment's credentials; `code` is what AWS calls that."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Credentials:
    access_key: str
    secret_key: str

    @classmethod
    def of(cls, file: Path) -> Credentials:
        """Reads the section `default` of a shared credentials file, in which the tools of AWS keep credentials."""
        parser = configparser.ConfigParser(interpolation=None)
        parser.read_string(file.read_text())
        return cls(parser["default"]["aws_access_key_id"], parser["default"]["aws_secret_access_key"])


@dataclass(frozen=True)
class Claim:
    """What a caller says of its signature."""

    access_key: str
    day: str
    region: str
    service: str
    headers: tuple[str, ...]
    signature: str

    @classmethod
    def of(cls, authorization: str) -> Claim:
        if not authorization:
            raise Unsigned("MissingAuthenticationTokenException", "the request is not signed")
        found = _AUTHORIZATION.fullmatch(authorization.strip())
        if not found:
            raise Unsigned("IncompleteSignatureException", "the header Authorization holds no signature of version 4")
        return cls(found["key"], found["day"], found["region"], found["service"], tuple(found["headers"].split(";")), found["signature"])


class SignatureCheck:
    def __init__(self, credentials: Credentials, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._credentials = credentials
        self._now = now

    def prove(self, environ: dict[str, Any]) -> None:
        """Raises Unsigned unless the caller signed this request. The body can be read afterwards; a stranger's is not even taken in."""
        claim = Claim.of(environ.get("HTTP_AUTHORIZATION", ""))
        if not hmac.compare_digest(claim.access_key.encode(), self._credentials.access_key.encode()):
            raise Unsigned("UnrecognizedClientException", "the access key is not of this environment")
        timestamp = self._timestamp(environ, claim)
        if not set(claim.headers) >= _ALWAYS_SIGNED:
            raise Unsigned("IncompleteSignatureException", f"these headers must be signed: {', '.join(sorted(_ALWAYS_SIGNED))}")
        body = _body(environ)
        environ["wsgi.input"] = io.BytesIO(body)
        expected = self._signature(claim, timestamp, _canonical_request(environ, claim, body))
        if not hmac.compare_digest(claim.signature, expected):
            raise Unsigned("InvalidSignatureException", "the signature does not belong to this request")

    def _timestamp(self, environ: Mapping[str, Any], claim: Claim) -> str:
        text = str(environ.get("HTTP_X_AMZ_DATE", ""))
        try:
            signed_at = datetime.strptime(text, _TIMESTAMP).replace(tzinfo=UTC)
        except ValueError:
            raise Unsigned("IncompleteSignatureException", "the header X-Amz-Date holds no time") from None
        if abs(self._now() - signed_at) > LATE or not text.startswith(claim.day):
            raise Unsigned("InvalidSignatureException", "the signature is too old, or of a clock that goes wrong")
        return text

    def _signature(self, claim: Claim, timestamp: str, canonical_request: str) -> str:
        scope = f"{claim.day}/{claim.region}/{claim.service}/aws4_request"
        key = f"AWS4{self._credentials.secret_key}".encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        text = "\n".join((_ALGORITHM, timestamp, scope, hashlib.sha256(canonical_request.encode()).hexdigest()))
        return hmac.new(key, text.encode(), "sha256").hexdigest()


def _body(environ: Mapping[str, Any]) -> bytes:
    length = environ.get("CONTENT_LENGTH") or "0"
    if environ.get("HTTP_TRANSFER_ENCODING") or not length.isdecimal() or int(length) > MOST_BYTES:
        raise Unsigned("InvalidSignatureException", f"a body needs a length, of at most {MOST_BYTES} bytes")
    body: bytes = environ["wsgi.input"].read(int(length))
    return body


def _canonical_request(environ: Mapping[str, Any], claim: Claim, body: bytes) -> str:
    path, _, query = str(environ["RAW_URI"]).partition("?")
    # Every service but S3 encodes what is encoded already.
    path = path if claim.service == "s3" else quote(path, safe="/~")
    parameters = sorted((name, value) for name, _, value in (pair.partition("=") for pair in query.split("&") if pair))
    headers = "".join(f"{name}:{' '.join(_header(environ, name).split())}\n" for name in claim.headers)
    return "\n".join(
        (
            environ["REQUEST_METHOD"],
            path,
            "&".join(f"{name}={value}" for name, value in parameters),
            headers,
            ";".join(claim.headers),
            # The hash is computed here: what the caller says of the body proves nothing.
            hashlib.sha256(body).hexdigest(),
        )
    )


def _header(environ: Mapping[str, Any], name: str) -> str:
    return str(environ.get(_WITHOUT_PREFIX.get(name) or f"HTTP_{name.upper().replace('-', '_')}", ""))
