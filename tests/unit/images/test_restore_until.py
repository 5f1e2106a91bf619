"""Which transactions belong to a point: of a mark exactly those up to it, of a moment those that the samples or the log itself tell."""

from __future__ import annotations

from backups.binlog import Transaction
from backups.restoring import Until
from backups.server import Sample

SECOND = 1_000_000


def wanted(until: Until, transactions: list[Transaction]) -> list[int]:
    return [transaction.number for transaction in transactions if until.wants(transaction)]


def each_at(*seconds: int) -> list[Transaction]:
    """Numbered from 1."""
    return [Transaction(number, second) for number, second in enumerate(seconds, 1)]


def test_without_a_point_it_is_all_that_the_backup_has_not() -> None:
    until = Until(2, None, None)
    assert wanted(until, each_at(10, 10, 11, 12)) == [3, 4]
    assert (until.last, until.is_over) == (4, False)


def test_a_mark_is_exact() -> None:
    until = Until(0, 2, None)
    assert wanted(until, each_at(10, 10, 10, 10)) == [1, 2]
    assert (until.last, until.is_over) == (2, True)


def test_without_samples_a_moment_is_the_beginning_of_its_second() -> None:
    assert wanted(Until(0, None, 11 * SECOND + 700_000), each_at(9, 10, 11, 12)) == [1, 2]
    assert wanted(Until(0, None, 12 * SECOND), each_at(9, 10, 11, 12)) == [1, 2, 3]


def test_samples_part_two_transactions_of_one_second() -> None:
    until = Until(0, None, 11 * SECOND + 500_000)
    until.learn([Sample(11 * SECOND + at, last) for at, last in ((200_000, 1), (450_000, 2), (700_000, 3))])
    assert wanted(until, each_at(11, 11, 11)) == [1, 2]


def test_what_began_before_and_committed_after_is_left_out() -> None:
    """The log tells when its statement began, the samples that it was not there yet."""
    until = Until(0, None, 30 * SECOND)
    until.learn([Sample(30 * SECOND + 1, 1), Sample(60 * SECOND, 2)])
    assert wanted(until, each_at(8, 9)) == [1]


def test_after_the_first_that_does_not_belong_none_does() -> None:
    assert wanted(Until(0, None, 11 * SECOND), each_at(10, 11, 10)) == [1]


def test_the_moment_of_a_sample_has_all_that_it_saw() -> None:
    until = Until(0, None, 11 * SECOND + 300_000)
    until.learn([Sample(11 * SECOND + 300_000, 2), Sample(11 * SECOND + 400_000, 3)])
    assert wanted(until, each_at(11, 11, 11)) == [1, 2]
