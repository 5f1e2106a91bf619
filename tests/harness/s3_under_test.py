"""A bucket of the emulator's S3, over TLS as a tool that knows the real one expects it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Network
from pathlib import Path

import httpx
from docker import DockerClient

from ansible_collections.echobase.platform.plugins.module_utils.environment.backup_target import BackupTarget
from harness.images_under_test import image_tag
from harness.throwaway_tls import make_certificates
from harness.waiting import eventually

# The emulator takes any credentials.
S3_LOGIN = {"backup_s3_key": "AKIAPLANTED", "backup_s3_secret": "planted-secret-of-the-bucket"}

_NGINX = """
pid /tmp/nginx.pid;
events {}
http {
    access_log off;
    client_max_body_size 0;
    client_body_temp_path /tmp/body;
    proxy_temp_path /tmp/proxy;
    server {
        listen 443 ssl;
        ssl_certificate /run/tls/tls.crt;
        ssl_certificate_key /run/tls/tls.key;
        location / {
            proxy_pass http://127.0.0.1:5000;
            proxy_set_header Host $http_host;
        }
    }
}
"""


def address_of_bridge(engine: DockerClient) -> str:
    """Gives the host's address on the default network. An engine that was never started names none: it takes the first address."""
    pool = engine.networks.get("bridge").attrs["IPAM"]["Config"][0]
    return str(pool.get("Gateway") or next(IPv4Network(pool["Subnet"], strict=False).hosts()))


@contextmanager
def running_bucket(engine: DockerClient, folder: Path, network: str = "bridge") -> Iterator[BackupTarget]:
    """Containers of the default network reach it at the bridge's own address, those of another one by its name."""
    gateway = address_of_bridge(engine)
    name = gateway if network == "bridge" else f"{network}-s3"
    make_certificates(folder, [name])
    (folder / "nginx.conf").write_text(_NGINX)
    leaf = folder / name.partition(".")[0]
    with socket.socket() as probe:
        probe.bind((gateway, 0))
        port = probe.getsockname()[1]
    door = engine.containers.run(
        image_tag("nginx"),
        ["nginx", "-c", "/run/s3/nginx.conf", "-g", "daemon off;"],
        name=None if network == "bridge" else name,
        network=network,
        detach=True,
        ports={"443/tcp": (gateway, port)},
        volumes={str(leaf): {"bind": "/run/tls", "mode": "ro"}, str(folder): {"bind": "/run/s3", "mode": "ro"}},
    )
    try:
        moto = ["moto_server", "-H", "127.0.0.1", "-p", "5000"]
        store = engine.containers.run(image_tag("emulator"), moto, detach=True, network_mode=f"container:{door.id}")
        try:
            here = f"https://{gateway}:{port}"
            eventually(lambda: _is_made(f"{here}/backups"), "the bucket is there")
            yield BackupTarget("s3://backups/some/prefix", here if network == "bridge" else f"https://{name}", str(folder / "ca.crt"))
        finally:
            store.remove(force=True, v=True)
    finally:
        door.remove(force=True, v=True)


def _is_made(bucket: str) -> bool:
    try:
        return httpx.put(bucket, verify=False).status_code == 200
    except httpx.TransportError:
        return False
