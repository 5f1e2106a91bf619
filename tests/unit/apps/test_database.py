from __future__ import annotations

import pymysql
import pytest
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from orders.database import error_number, is_passing


def failed(number: int, kind: type[pymysql.Error] = pymysql.OperationalError) -> DBAPIError:
    return OperationalError("SELECT 1", {}, kind(number, "as MariaDB says it"))


@pytest.mark.parametrize("number", [1205, 1213, 1040, 2003, 2006, 2013])
def test_what_may_be_different_in_a_moment_is_tried_again(number: int) -> None:
    assert is_passing(failed(number))


@pytest.mark.parametrize("number", [1045, 1062, 1064, 1146])
def test_what_will_stay_is_not(number: int) -> None:
    assert not is_passing(failed(number))


def test_a_broken_connection_and_a_full_pool_pass() -> None:
    assert is_passing(DBAPIError("SELECT 1", {}, pymysql.InterfaceError(0, ""), connection_invalidated=True))
    assert is_passing(PoolTimeoutError())
    assert not is_passing(ValueError())


def test_error_numbers() -> None:
    assert error_number(pymysql.OperationalError(1213, "Deadlock")) == 1213
    assert error_number(pymysql.OperationalError("odd")) == 0
    assert error_number(None) == 0
