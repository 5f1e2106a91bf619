"""Clients that write orders straight into the database as the application's own user, and count what they could not write."""

from __future__ import annotations

import itertools
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg
import pymysql

from harness.backend_fixtures import Backend

_INSERT = "INSERT INTO orders (id, user_id, item, quantity, status, created_at) VALUES (%s, %s, 'tea', 1, 'accepted', NOW())"
_UPDATE = "UPDATE orders SET quantity = quantity + 1 WHERE id = %s"


@dataclass
class OrderWriters:
    """Each inserts an order and changes it, again and again, with no second try: a failure is a failure."""

    backend: Backend
    user_id: str
    written: int = 0
    failures: list[str] = field(default_factory=list)
    longest_wait: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _enough: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def at_work(self, number: int = 4) -> Iterator[OrderWriters]:
        threads = [threading.Thread(target=self._write) for _ in range(number)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._enough.set()
            for thread in threads:
                thread.join()

    def _write(self) -> None:
        with self.backend.connect(self.backend.env.database_user) as connection, connection.cursor() as cursor:
            for _ in itertools.count():
                if self._enough.wait(0.002):
                    return
                order = str(uuid.uuid4())
                for statement, values in ((_INSERT, (order, self.user_id)), (_UPDATE, (order,))):
                    began = time.monotonic()
                    failure = ""
                    try:
                        cursor.execute(statement, values)
                    except (pymysql.Error, psycopg.Error) as error:
                        failure = str(error)
                    self._count(time.monotonic() - began, failure)

    def _count(self, waited: float, failure: str) -> None:
        with self._lock:
            self.longest_wait = max(self.longest_wait, waited)
            if failure:
                self.failures.append(failure)
            else:
                self.written += 1
