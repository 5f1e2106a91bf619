"""Customers who come to a real edge before two minimal colours, each from a bucket of clients of its own."""

from __future__ import annotations

import http.client
import itertools
import secrets

from ansible_collections.echobase.platform.plugins.module_utils.traffic.generation import Generation
from ansible_collections.echobase.platform.plugins.module_utils.traffic.weights import BUCKETS
from harness.edge_under_test import EdgeUnderTest
from harness.murmur import bucket_of

# The first and last of each colour's buckets in every split that the tests use.
OBSERVED_BUCKETS = (0, 19, 20, 99)


class Customers:
    """Their connections stay open, since a customer who is served slowly is still a customer."""

    def __init__(self, edge: EdgeUnderTest) -> None:
        self._edge = edge
        self._cookies = {bucket: f"{edge.facts['client_cookie']}={client_in(bucket)}" for bucket in OBSERVED_BUCKETS}
        self._connection = http.client.HTTPSConnection("localhost", edge.port, context=edge.tls_context(), timeout=10)

    def close(self) -> None:
        self._connection.close()

    def answers(self) -> dict[int, str]:
        """Gives for each bucket the colour that answered, else the edge's own word."""
        return {bucket: self._ask(cookie) for bucket, cookie in self._cookies.items()}

    def readiness(self) -> tuple[int, str]:
        status, _, body = self._get("/edge/ready", "")
        return status, body.strip()

    def _ask(self, cookie: str) -> str:
        status, headers, _ = self._get("/", cookie)
        return headers["X-Echobase-Colour"] if status == 200 else f"{status} {headers['X-Echobase-Error']}"

    def _get(self, path: str, cookie: str) -> tuple[int, http.client.HTTPMessage, str]:
        self._connection.request("GET", path, headers={"Cookie": cookie})
        answer = self._connection.getresponse()
        return answer.status, answer.headers, answer.read().decode()


def expected_answers(generation: Generation) -> dict[int, str]:
    if generation.maintenance:
        return dict.fromkeys(OBSERVED_BUCKETS, "503 maintenance")
    weights = generation.weights
    by_bucket = dict.fromkeys(range(BUCKETS), "503 nothing-live") | {
        bucket: colour for colour in weights.live for bucket in weights.buckets(colour)
    }
    return {bucket: by_bucket[bucket] for bucket in OBSERVED_BUCKETS}


def client_in(bucket: int) -> str:
    """Finds a client's id that the edge puts into this bucket."""
    return next(client for client in (secrets.token_hex(16) for _ in itertools.count()) if bucket_of(client) == bucket)
