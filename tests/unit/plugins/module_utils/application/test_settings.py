from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.application.settings import Route, SettingsReader

SERVICES = ("api", "web", "db", "worker")


def problems(block: Any) -> list[str]:
    reader = SettingsReader(block, SERVICES)
    reader.read()
    return [f"{problem.where}: {problem.what}" for problem in reader.problems]


def test_everything_but_routes_has_a_default() -> None:
    settings = SettingsReader({"routes": {"/": "web:8080"}}, SERVICES).read()
    assert settings.routes == (Route("/", "web", 8080),)
    assert (settings.database, settings.cache, dict(settings.jobs), settings.repeatable) == (None, None, {}, "")


def test_a_database_may_be_one_word() -> None:
    settings = SettingsReader({"routes": {"/": "web:80"}, "database": "postgresql", "cache": "redis"}, SERVICES).read()
    assert settings.database is not None and settings.cache is not None
    assert settings.database.engine == "postgresql"
    assert settings.database.variables["host"] == "DATABASE_HOST"
    assert settings.cache.variables["password_file"] == "CACHE_PASSWORD_FILE"
    # Nobody asked for it in a variable, where the engine shows it.
    assert "password" not in settings.database.variables and "url" not in settings.database.variables


def test_a_statement_for_one_engine_or_for_each() -> None:
    database = SettingsReader({"routes": {"/": "web:80"}, "database": {"acknowledged": "SELECT 1"}}, SERVICES).read().database
    assert database is not None
    assert database.acknowledged == {"mariadb": "SELECT 1", "postgresql": "SELECT 1"}


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (None, "x-echobase: is missing or no mapping"),
        ({"routes": {}}, "x-echobase.routes: leads nowhere"),
        ({"routes": {"/": "shop:80"}}, "x-echobase.routes./: there is no service 'shop'"),
        ({"routes": {"/": "web"}}, "x-echobase.routes./.port: is ''"),
        ({"routes": {"/": "web:http"}}, "x-echobase.routes./.port: is 'http'"),
        ({"routes": {"/": "web:70000"}}, "x-echobase.routes./.port: is '70000'"),
        ({"routes": {"api": "web:80"}}, "x-echobase.routes.api: is no path"),
        ({"routes": {"/api/": "web:80"}}, "x-echobase.routes./api/: is no path"),
        ({"routes": {"/": {"service": "web", "port": 80, "tls": "yes"}}}, "x-echobase.routes./.tls: is 'yes'"),
        ({"routes": {"/": {"service": "web", "port": 80, "seconds": True}}}, "x-echobase.routes./.seconds: is 'True'"),
        ({"routes": {"/": {"service": "web", "port": 80, "body": "ten"}}}, "x-echobase.routes./.body: is 'ten', which is no size"),
        ({"routes": {"/": {"service": "web", "port": 80, "colour": 1}}}, "x-echobase.routes./.colour: is no option of a route"),
        ({"routes": {"/": "web:80"}, "rotues": {}}, "x-echobase.rotues: is no setting"),
        ({"routes": {"/": "web:80"}, "ready": {"worker": "/up"}}, "x-echobase.ready.worker: the edge does not reach this service"),
        ({"routes": {"/": "web:80"}, "ready": {"web": "up"}}, "x-echobase.ready.web: is 'up'"),
        ({"routes": {"/": "web:80"}, "database": "oracle"}, "x-echobase.database.engine: is 'oracle'"),
        ({"routes": {"/": "web:80"}, "database": {"as": {"dsn": "DSN"}}}, "x-echobase.database.as.dsn: is nothing that can be told"),
        ({"routes": {"/": "web:80"}, "database": {"as": {"url": "a b"}}}, "x-echobase.database.as.url: 'a b' is no name of a variable"),
        ({"routes": {"/": "web:80"}, "cache": "memcached"}, "x-echobase.cache.engine: is 'memcached'"),
        ({"routes": {"/": "web:80"}, "jobs": {"smoke": "check"}}, "x-echobase.jobs.smoke: there is no service 'check'"),
        ({"routes": {"/": "web:80"}, "jobs": {"test": "web"}}, "x-echobase.jobs.test: is no job"),
        ({"routes": {"/": "web:80"}, "secrets": "KEY"}, "x-echobase.secrets: is no list"),
        ({"routes": {"/": "web:80"}, "secrets": {"KEY": "stdin"}}, "x-echobase.secrets.KEY: is 'stdin'"),
        ({"routes": {"/": "web:80"}, "volumes": {"data": "mine"}}, "x-echobase.volumes.data: is 'mine'"),
        ({"routes": {"/": "web:80"}, "keys": {"worker": "/keys"}}, "x-echobase.keys.worker: the edge does not reach this service"),
        ({"routes": {"/": "web:80"}, "reads_once": ["shop"]}, "x-echobase.reads_once: there is no service 'shop'"),
        ({"routes": {"/": "web:80"}, "observe": {"alerts": ["a.yml"]}}, "x-echobase.observe.alerts: is nothing that can be brought"),
        ({"routes": {"/": "web:80"}, "observe": {"rules": [1]}}, "x-echobase.observe.rules: is no list of files"),
        ({"routes": {"/": "web:80"}, "repeatable": "no header"}, "x-echobase.repeatable: 'no header' is no name of a header"),
        ({"routes": {"/": "web:80"}, "version": "1 2"}, "x-echobase.version: is '1 2'"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(block: Any, expected: str) -> None:
    assert problems(block) == [expected]


def test_all_that_is_wrong_is_said_at_once() -> None:
    assert len(problems({"routes": {"/": "shop:80", "x": "web:80"}, "jobs": {"smoke": "check"}, "version": "?"})) == 4
