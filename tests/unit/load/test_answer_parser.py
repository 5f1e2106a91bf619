from __future__ import annotations

import pytest

from counting_client.answer_parser import Answer, AnswerParser, GarbledAnswer

COUNTED = b"HTTP/1.1 200 OK\r\nX-Colour: blue\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nTrailer: x\r\n\r\n"
INTERIM = b"HTTP/1.1 100 Continue\r\n\r\n" + COUNTED
EMPTY = b"HTTP/1.1 204 No Content\r\n\r\n"


def in_pieces(data: bytes, size: int) -> Answer | None:
    parser = AnswerParser()
    answers = [answer for at in range(0, len(data), size) if (answer := parser.feed(data[at : at + size]))]
    assert not parser.begun
    return answers[0] if len(answers) == 1 else None


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize(("data", "body"), [(COUNTED, b"hello"), (CHUNKED, b"hello"), (INTERIM, b"hello"), (EMPTY, b"")])
def test_an_answer_is_read_whatever_pieces_it_comes_in(data: bytes, body: bytes, size: int) -> None:
    answer = in_pieces(data, size)
    assert answer is not None
    assert answer.body == body
    assert answer.keep_alive


def test_names_are_in_lower_case_and_repeated_headers_are_kept() -> None:
    answer = AnswerParser().feed(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\nContent-Length: 0\r\n\r\n")
    assert answer is not None
    assert answer.headers["set-cookie"] == "a=1\nb=2"


def test_answers_follow_each_other() -> None:
    parser = AnswerParser()
    first = parser.feed(COUNTED + EMPTY)
    assert first is not None
    assert first.status == 200
    assert parser.begun
    second = parser.feed(b"")
    assert second is not None
    assert second.status == 204


def test_connection_close_is_seen() -> None:
    answer = AnswerParser().feed(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
    assert answer is not None
    assert not answer.keep_alive


def test_without_a_length_the_close_is_the_end() -> None:
    parser = AnswerParser()
    assert parser.feed(b"HTTP/1.1 200 OK\r\n\r\nall ") is None
    assert parser.feed(b"of it") is None
    answer = parser.closed()
    assert answer is not None
    assert answer.body == b"all of it"
    assert not answer.keep_alive


@pytest.mark.parametrize("cut", range(1, len(COUNTED)))
def test_a_close_in_the_middle_is_no_answer(cut: int) -> None:
    parser = AnswerParser()
    assert parser.feed(COUNTED[:cut]) is None
    assert parser.begun
    assert parser.closed() is None


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc",
        b"x" * 70_000,
    ],
)
def test_what_is_not_http_is_said_so(data: bytes) -> None:
    with pytest.raises(GarbledAnswer):
        AnswerParser().feed(data)
