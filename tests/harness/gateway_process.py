"""Gateways as processes of this machine, without a database: what they refuse and what they tell of their health needs none."""

from __future__ import annotations

import base64
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from harness.environment_under_test import CHECKOUT
from harness.redis_process import RedisProcess
from harness.waiting import eventually

_SERVE = """
import os, socket, sys, uvicorn
from api_gateway.app import make_app
from api_gateway.context import Context
from api_gateway.server import Server
from api_gateway.settings import GatewaySettings
app = make_app(Context.of(GatewaySettings.from_environment(os.environ)))
Server(uvicorn.Config(app, log_config=None)).run([socket.socket(fileno=int(sys.argv[1]))])
"""


@contextmanager
def gateway_process(folder: Path, redis: RedisProcess, **variables: str) -> Iterator[httpx.Client]:
    listening = socket.create_server(("127.0.0.1", 0))
    nowhere, key = folder / "nowhere", folder / "token_key"
    key.write_text(base64.b64encode(secrets.token_bytes(32)).decode())
    environment = {
        "ECHOBASE_ENV": "test", "ECHOBASE_COLOUR": "blue", "ECHOBASE_RELEASE": "0.1.0-abc", "ECHOBASE_VERSION": "0.1.0",
        "DB_HOST": "localhost", "DB_PORT": "1", "DB_NAME": "orders_db", "DB_USER": "app_user", "DB_PASSWORD_FILE": str(nowhere),
        "DB_CA_FILE": str(redis.settings.ca_file), "DB_SECRET_ID": "none", "JWT_SECRET_ID": "none", "JWT_KEY_FILE": str(key),
        "KMS_KEY_ID": "none", "ORDERS_QUEUE": "none", "AWS_DEFAULT_REGION": "eu-central-1", "AWS_ENDPOINT_URL": "http://localhost:1",
        "AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none", "TLS_CERT_FILE": str(nowhere), "TLS_KEY_FILE": str(nowhere),
        "CACHE_HOST": redis.settings.host, "CACHE_PORT": str(redis.settings.port), "CACHE_USER": redis.settings.user,
        "CACHE_PASSWORD_FILE": str(redis.settings.password_file), "CACHE_CA_FILE": str(redis.settings.ca_file),
        "PYTHONPATH": str(CHECKOUT / "apps"),
    }  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-c", _SERVE, str(listening.fileno())],
        env=os.environ | environment | variables,
        pass_fds=[listening.fileno()],
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{listening.getsockname()[1]}", timeout=30) as client:
            eventually(lambda: has_cache(client), "the gateway has its cache")
            yield client
    finally:
        process.terminate()
        process.wait()
        listening.close()


def has_cache(gateway: httpx.Client) -> bool:
    try:
        return gateway.get("/health/cache", timeout=5).status_code == 200
    except httpx.TransportError:
        return False
