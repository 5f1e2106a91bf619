from __future__ import annotations

import psycopg
import pymysql
import pytest
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from orders.database import is_passing


def failed(number: int, kind: type[pymysql.Error] = pymysql.OperationalError) -> DBAPIError:
    return OperationalError("SELECT 1", {}, kind(number, "as MariaDB says it"))


@pytest.mark.parametrize("number", [1205, 1213, 1040, 1045, 2003, 2006, 2013])
def test_what_may_be_different_in_a_moment_is_tried_again(number: int) -> None:
    assert is_passing(failed(number))


@pytest.mark.parametrize("number", [1062, 1064, 1146])
def test_what_will_stay_is_not(number: int) -> None:
    assert not is_passing(failed(number))


def test_a_broken_connection_and_a_full_pool_pass() -> None:
    assert is_passing(DBAPIError("SELECT 1", {}, pymysql.InterfaceError(0, ""), connection_invalidated=True))
    assert is_passing(PoolTimeoutError())
    assert not is_passing(ValueError())


@pytest.mark.parametrize("error", [psycopg.errors.DeadlockDetected, psycopg.errors.AdminShutdown, psycopg.OperationalError])
def test_what_passes_with_postgresql(error: type[psycopg.Error]) -> None:
    assert is_passing(OperationalError("SELECT 1", {}, error("as PostgreSQL says it")))


@pytest.mark.parametrize("error", [psycopg.errors.UniqueViolation, psycopg.errors.UndefinedTable, psycopg.errors.InvalidPassword])
def test_what_stays_with_postgresql(error: type[psycopg.Error]) -> None:
    assert not is_passing(DBAPIError("SELECT 1", {}, error("as PostgreSQL says it")))
