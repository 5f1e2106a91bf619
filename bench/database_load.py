"""Transactions of the durable database as it is set up, beside the same image with the defaults of its package: no TLS, no encryption."""

from __future__ import annotations

import os
import re
import shutil
import statistics
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from bench.container import Container, pin
from bench.place import Place
from bench.plain_server import plain_server
from bench.results import Result
from harness.durable_server import DurableServer
from harness.images_under_test import image_tag
from harness.throwaway_tls import make_certificates

ROUNDS = 3
SECONDS = 10
CLIENTS = 8
MEMORY = "1g"
DATABASE_CORE, CLIENT_CORE = "0", "1"
_CLIENT_TLS = "client-tls"
_OURS, _PLAIN = "ours", "plain"


def run(place: Place) -> Result:
    images = {"mariadb": place.images["bench"], "postgresql": image_tag("postgres")}
    engines = {engine: _measured(engine, images[engine]) for engine in _CLIENTS}
    settings = {
        "rounds": ROUNDS,
        "seconds": SECONDS,
        "clients": CLIENTS,
        "memory": MEMORY,
        "database_core": DATABASE_CORE,
        "client_core": CLIENT_CORE,
    }
    return Result("database_load", {"settings": settings, "engines": engines})


@dataclass(frozen=True)
class Rate:
    transactions: float
    p95_ms: float


class LoadClient(ABC):
    """In the server's own network: no port of Docker's is between them."""

    workloads: ClassVar[Sequence[str]]
    version_sql: ClassVar[str]

    def __init__(self, image: str, server: str, folder: Path, password: str, tls: bool) -> None:
        self.tls = tls
        self._folder = folder
        self._write_login(password)
        self.container = Container(
            f"client-of-{server}".replace("zz-bench-", ""),
            image,
            ["sleep", "infinity"],
            reads={folder: "/login"},
            cores=CLIENT_CORE,
            network=f"container:{server}",
        )

    @staticmethod
    @abstractmethod
    def introduce(server: DurableServer) -> None:
        """Before the server is made."""

    @abstractmethod
    def _write_login(self, password: str) -> None: ...

    @abstractmethod
    def fill(self) -> None: ...

    @abstractmethod
    def load(self, workload: str) -> Rate: ...


class Sysbench(LoadClient):
    workloads = ("oltp_read_only", "oltp_read_write")
    version_sql = "SELECT VERSION()"

    @staticmethod
    def introduce(server: DurableServer) -> None:
        """Over TLS it insists on showing a certificate, so the server has to know who made that."""
        server.prepare()
        made = Path(server.env.home) / _CLIENT_TLS
        make_certificates(made, ["client"])
        shutil.copy(made / "ca.crt", server.env.path("tls", "db", "clients.crt"))
        server.options["extra_settings"] = {"ssl_ca": "/run/tls/clients.crt"}

    def _write_login(self, password: str) -> None:
        lines = ["db-driver=mysql", "mysql-host=127.0.0.1", "mysql-user=migrate_user", f"mysql-password={password}", "mysql-db=orders_db"]
        lines += ["tables=4", "table-size=100000", f"threads={CLIENTS}", f"time={SECONDS}", *(["mysql-ssl=on"] if self.tls else [])]
        (self._folder / "login").write_text("\n".join([*lines, ""]))

    def fill(self) -> None:
        self._sysbench("oltp_read_write", "prepare")

    def load(self, workload: str) -> Rate:
        told = self._sysbench(workload, "run")
        rate = re.search(r"transactions:\s+\d+\s+\(([\d.]+) per sec", told)
        p95 = re.search(r"95th percentile:\s+([\d.]+)", told)
        assert rate and p95, told
        return Rate(float(rate[1]), float(p95[1]))

    def _sysbench(self, workload: str, verb: str) -> str:
        # It looks for certificates where it is called.
        return self.container.run("sh", "-c", f"cd /login && exec sysbench {workload} --config-file=/login/login {verb}")


class Pgbench(LoadClient):
    workloads = ("select-only", "tpcb-like")
    version_sql = "SHOW server_version"

    @staticmethod
    def introduce(server: DurableServer) -> None:
        """It shows nothing of its own."""

    def _write_login(self, password: str) -> None:
        file = self._folder / "login"
        file.write_text(f"127.0.0.1:5432:orders_db:migrate_user:{password}\n")
        file.chmod(0o600)
        os.chown(file, 999, 999)

    def fill(self) -> None:
        self._pgbench("--initialize --scale=10 --quiet")

    def load(self, workload: str) -> Rate:
        told = self._pgbench(
            f"--builtin={workload} --client={CLIENTS} --time={SECONDS} --no-vacuum --log --log-prefix=/tmp/transactions",
        )
        rate = re.search(r"tps = ([\d.]+) \(without", told)
        assert rate, told
        # Client, transaction, microseconds, …
        lines = self.container.run("sh", "-c", "cut -d ' ' -f 3 /tmp/transactions.*; rm /tmp/transactions.*").split()
        return Rate(float(rate[1]), statistics.quantiles(map(int, lines), n=20)[-1] / 1e3)

    def _pgbench(self, options: str) -> str:
        mode = "sslmode=verify-ca sslrootcert=/login/cacert.pem" if self.tls else "sslmode=disable"
        login = f"host=127.0.0.1 user=migrate_user dbname=orders_db passfile=/login/login {mode}"
        return self.container.run("sh", "-c", f"exec pgbench {options} '{login}' 2>&1")


_CLIENTS: dict[str, type[LoadClient]] = {"mariadb": Sysbench, "postgresql": Pgbench}


def _measured(engine: str, client_image: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name, _clients(engine, client_image, Path(name)) as (clients, version):
        workloads = [_compared(workload, clients) for workload in _CLIENTS[engine].workloads]
        return {"version": version, "client": _CLIENTS[engine].__name__.lower(), "workloads": workloads}


@contextmanager
def _clients(engine: str, image: str, home: Path) -> Iterator[tuple[dict[str, LoadClient], str]]:
    home.chmod(0o755)
    server = DurableServer(engine, home, "zz-bench-load", 95)
    server.options |= {"memory": MEMORY, "encrypted": True, "encrypted_size": "2g"}
    clients: dict[str, LoadClient] = {}
    try:
        _CLIENTS[engine].introduce(server)
        server.ensure()
        password = server.password("migrate_user")
        with plain_server(server, home, password, MEMORY) as plain:
            for name, container in ((_OURS, server.names.container), (_PLAIN, plain)):
                pin(container, DATABASE_CORE)
                clients[name] = _CLIENTS[engine](image, container, _login_folder(home, name, server), password, tls=name == _OURS)
                clients[name].container.start()
                clients[name].fill()
            yield clients, server.root(_CLIENTS[engine].version_sql)[0][0]
    finally:
        for client in clients.values():
            client.container.stop()
        server.remove()


def _login_folder(home: Path, name: str, server: DurableServer) -> Path:
    """With certificates under the names that sysbench looks for."""
    folder = home / name
    folder.mkdir()
    shutil.copy(server.env.path("tls", "ca.crt"), folder / "cacert.pem")
    client = Path(server.env.home) / _CLIENT_TLS / "client"
    if client.is_dir():
        shutil.copy(client / "tls.crt", folder / "client-cert.pem")
        shutil.copy(client / "tls.key", folder / "client-key.pem")
    return folder


def _compared(workload: str, clients: dict[str, LoadClient]) -> dict[str, Any]:
    rates: dict[str, list[Rate]] = {name: [] for name in clients}
    for number in range(ROUNDS):
        for name in list(clients)[:: 1 if number % 2 == 0 else -1]:
            rates[name].append(clients[name].load(workload))
    medians = {
        name: {
            "transactions": round(statistics.median(rate.transactions for rate in found), 1),
            "slowest": round(min(rate.transactions for rate in found), 1),
            "fastest": round(max(rate.transactions for rate in found), 1),
            "p95_ms": round(statistics.median(rate.p95_ms for rate in found), 2),
        }
        for name, found in rates.items()
    }
    print(f"  · {workload}: {medians[_OURS]['transactions']:,.0f} of {medians[_PLAIN]['transactions']:,.0f} a second", flush=True)
    return {
        "workload": workload,
        **medians,
        "transactions_ratio": round(medians[_OURS]["transactions"] / medians[_PLAIN]["transactions"], 3),
        "p95_ratio": round(medians[_OURS]["p95_ms"] / medians[_PLAIN]["p95_ms"], 3),
    }
