"""What AWS's own library signs is let in; whatever else comes, or was changed on its way, is refused."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as Signer
from signatures import LATE, MOST_BYTES, Credentials, SignatureCheck, Unsigned

OURS = Credentials("ECHOBASETEST", "the secret key")
HOST = "blue-localstack:4566"
SECRET = b'{"SecretId": "echobase/test/jwt"}'


def signed(
    method: str = "POST",
    target: str = "/",
    body: bytes = SECRET,
    signer: Credentials = OURS,
    service: str = "secretsmanager",
) -> dict[str, Any]:
    """As the emulator's server hands it over."""
    request = AWSRequest(method, f"http://{HOST}{target}", {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "x"}, body)
    auth = S3SigV4Auth if service == "s3" else SigV4Auth
    auth(Signer(signer.access_key, signer.secret_key), service, "eu-central-1").add_auth(request)
    headers = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in request.headers.items()}
    return headers | {
        "REQUEST_METHOD": method,
        "RAW_URI": target,
        "PATH_INFO": unquote(urlsplit(target).path),
        "HTTP_HOST": HOST,
        "CONTENT_TYPE": headers["HTTP_CONTENT_TYPE"],
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
    }


@pytest.mark.parametrize(
    "request_of",
    [
        signed,
        lambda: signed(body=b""),
        lambda: signed("GET", "/?Action=ListQueues&Version=2012-11-05&Empty=", b"", service="sqs"),
        lambda: signed("GET", "/queue%20of%20anna/x?b=2&a=%2F&a=1", b"", service="lambda"),
        lambda: signed("PUT", "/bucket/a%20key/%C3%A4", b"content", service="s3"),
    ],
)
def test_what_is_signed_is_let_in_with_its_body(request_of: Callable[[], dict[str, Any]]) -> None:
    environ = request_of()
    sent = environ["wsgi.input"].getvalue()
    SignatureCheck(OURS).prove(environ)
    assert environ["wsgi.input"].read() == sent


def without_signature(environ: dict[str, Any]) -> None:
    del environ["HTTP_AUTHORIZATION"]


def signed_less(environ: dict[str, Any]) -> None:
    environ["HTTP_AUTHORIZATION"] = environ["HTTP_AUTHORIZATION"].replace(";host", "")


@pytest.mark.parametrize(
    ("harm", "code"),
    [
        (without_signature, "MissingAuthenticationTokenException"),
        (lambda environ: environ.update(HTTP_AUTHORIZATION="Basic b3BlcmF0b3I6eA=="), "IncompleteSignatureException"),
        (signed_less, "IncompleteSignatureException"),
        (lambda environ: environ.update(HTTP_X_AMZ_DATE="yesterday"), "IncompleteSignatureException"),
        (lambda environ: environ.update(REQUEST_METHOD="GET"), "InvalidSignatureException"),
        (lambda environ: environ.update(RAW_URI="/other"), "InvalidSignatureException"),
        (lambda environ: environ.update(RAW_URI="/?Action=other"), "InvalidSignatureException"),
        (lambda environ: environ.update(HTTP_HOST="green-localstack:4566"), "InvalidSignatureException"),
        (lambda environ: environ.update(HTTP_X_AMZ_TARGET="y"), "InvalidSignatureException"),
        (lambda environ: environ.update({"wsgi.input": io.BytesIO(SECRET.swapcase())}), "InvalidSignatureException"),
        (lambda environ: environ.update(CONTENT_LENGTH=str(MOST_BYTES + 1)), "InvalidSignatureException"),
        (lambda environ: environ.update(CONTENT_LENGTH="-1"), "InvalidSignatureException"),
        (lambda environ: environ.update(HTTP_TRANSFER_ENCODING="chunked"), "InvalidSignatureException"),
    ],
)
def test_what_is_not_signed_like_this_is_refused(harm: Callable[[dict[str, Any]], object], code: str) -> None:
    environ = signed()
    harm(environ)
    with pytest.raises(Unsigned) as refusal:
        SignatureCheck(OURS).prove(environ)
    assert refusal.value.code == code


@pytest.mark.parametrize(
    ("signer", "code"),
    [
        (Credentials("ECHOBASETEST", "another key"), "InvalidSignatureException"),
        (Credentials("emulator", "the secret key"), "UnrecognizedClientException"),
    ],
)
def test_other_credentials_are_refused(signer: Credentials, code: str) -> None:
    with pytest.raises(Unsigned) as refusal:
        SignatureCheck(OURS).prove(signed(signer=signer))
    assert refusal.value.code == code


def test_a_strangers_body_is_not_taken_in() -> None:
    environ = signed(signer=Credentials("emulator", "emulator"))
    with pytest.raises(Unsigned):
        SignatureCheck(OURS).prove(environ)
    assert environ["wsgi.input"].read() == SECRET


def test_an_old_signature_is_worth_nothing() -> None:
    later = datetime.now(UTC) + LATE + timedelta(seconds=5)
    with pytest.raises(Unsigned, match="too old"):
        SignatureCheck(OURS, now=lambda: later).prove(signed())


def test_credentials_are_kept_as_the_tools_of_aws_read_them(tmp_path: Path) -> None:
    file = tmp_path / "cloud_credentials"
    file.write_text("[default]\naws_access_key_id = ECHOBASETEST\naws_secret_access_key = 100%secret\n")
    assert Credentials.of(file) == Credentials("ECHOBASETEST", "100%secret")
