from __future__ import annotations

from counting_client.traffic import Traffic

BLUE, GREEN = {"blue": 100, "green": 0}, {"blue": 0, "green": 100}


def switched(*times: tuple[float, float, dict[str, int]]) -> Traffic:
    traffic = Traffic(BLUE)
    for began, committed, weights in times:
        traffic.commit(traffic.begin(began), committed, weights)
    return traffic


def test_the_old_colour_may_answer_what_was_sent_before_the_commit() -> None:
    traffic = switched((10.0, 10.1, GREEN))
    assert traffic.may_answer("blue", 9.9, 10.5)
    assert traffic.may_answer("blue", 10.05, 99.0)


def test_the_old_colour_must_not_answer_what_was_sent_after_the_commit() -> None:
    traffic = switched((10.0, 10.1, GREEN))
    assert not traffic.may_answer("blue", 10.1, 10.2)
    assert traffic.may_answer("green", 10.1, 10.2)


def test_the_new_colour_must_not_answer_before_the_switch_began() -> None:
    traffic = switched((10.0, 10.1, GREEN))
    assert not traffic.may_answer("green", 9.0, 9.9)
    assert traffic.may_answer("green", 9.0, 10.05)


def test_a_request_over_several_switches_may_be_answered_by_every_colour_it_met() -> None:
    traffic = switched((10.0, 10.1, GREEN), (20.0, 20.1, BLUE), (30.0, 30.1, {"blue": 0, "green": 0, "red": 100}))
    assert traffic.may_answer("green", 15.0, 25.0)
    assert traffic.may_answer("blue", 15.0, 25.0)
    assert not traffic.may_answer("red", 15.0, 25.0)
    assert not traffic.may_answer("green", 21.0, 25.0)


def test_a_share_of_traffic_is_traffic() -> None:
    traffic = switched((10.0, 10.1, {"blue": 90, "green": 10}))
    assert traffic.may_answer("blue", 11.0, 11.1)
    assert traffic.may_answer("green", 11.0, 11.1)


def test_while_a_switch_is_open_nothing_is_decided() -> None:
    traffic = Traffic(BLUE)
    switch = traffic.begin(10.0)
    assert not traffic.undecided(9.9)
    assert traffic.undecided(10.5)
    traffic.commit(switch, 10.2, GREEN)
    assert not traffic.undecided(10.5)
    assert not traffic.may_answer("blue", 10.3, 10.5)


def test_a_failed_switch_leaves_everything_possible() -> None:
    traffic = Traffic(BLUE)
    traffic.fail(traffic.begin(10.0), 11.0, "no")
    assert traffic.may_answer("blue", 12.0, 12.1)
    assert traffic.may_answer("green", 12.0, 12.1)


def test_unknown_weights_allow_every_colour() -> None:
    assert Traffic({}).may_answer("anything", 1.0, 2.0)
