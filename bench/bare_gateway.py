"""What the gateway's framework does alone, with routes that do nothing. It runs in the backend's image, on the same server."""

from __future__ import annotations

from typing import Annotated

import uvicorn
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

PORT = 8443
api = FastAPI(docs_url=None, redoc_url=None)


class OrderRequest(BaseModel):
    item: Annotated[str, Field(min_length=1, max_length=200)]
    quantity: Annotated[int, Field(ge=1, le=1_000_000, strict=True)]
    note: Annotated[str, Field(max_length=2000)] | None = None


@api.get("/bare")
async def answer() -> JSONResponse:
    return JSONResponse({"status": "ok", "timestamp": "2026-01-01T00:00:00.000000Z"})


@api.post("/bare", status_code=202)
async def take(body: OrderRequest) -> JSONResponse:
    return JSONResponse({"id": "00000000-0000-4000-8000-000000000000", "status": "accepted", "item": body.item}, status_code=202)


if __name__ == "__main__":
    uvicorn.run(
        api,
        host="0.0.0.0",
        port=PORT,
        ssl_certfile="/run/tls/tls.crt",
        ssl_keyfile="/run/tls/tls.key",
        timeout_keep_alive=150,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        log_config=None,
    )
