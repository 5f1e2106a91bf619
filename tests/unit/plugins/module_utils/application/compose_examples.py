"""Small applications, as Compose answers them."""

from __future__ import annotations

from typing import Any


def shop(**block: Any) -> dict[str, Any]:
    """A page and an API behind it, with a database that the durable layer replaces."""
    return {
        "name": "shop",
        "services": {
            "api": {
                "image": "registry.example.com/shop/api:4",
                "environment": {"MODE": "production", "PRICE": "5$$", "UNSET": None},
                "networks": {"default": None},
                "depends_on": {"db": {"condition": "service_healthy", "required": True}, "web": {"condition": "service_started"}},
                "ports": [{"mode": "ingress", "target": 8000, "published": "8000", "protocol": "tcp"}],
                "healthcheck": {"test": ["CMD", "true"]},
            },
            "db": {
                "image": "postgres:16",
                "networks": {"default": None},
                "volumes": [{"type": "volume", "source": "data", "target": "/var/lib/postgresql/data"}],
            },
            "migrate": {"image": "registry.example.com/shop/api:4", "command": ["./migrate"], "profiles": ["jobs"]},
            "web": {"build": {"context": "/srv/shop/web", "dockerfile": "Dockerfile"}, "networks": {"default": {"aliases": ["www"]}}},
        },
        "networks": {"default": {"name": "shop_default", "ipam": {}}},
        "volumes": {"data": {"name": "shop_data"}},
        "x-echobase": {
            "routes": {"/": "web:80", "/api": {"service": "api", "port": 8000, "body": "10m"}},
            "database": {"engine": "postgresql", "as": {"url": "DATABASE_URL"}, "instead_of": "db"},
            "jobs": {"expand": "migrate"},
            **block,
        },
    }
