"""What every router must do, whatever it is made of. A test module derives one class from it for each implementation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.traffic.generation import Generation
from ansible_collections.echobase.platform.plugins.module_utils.traffic.router import Router
from ansible_collections.echobase.platform.plugins.module_utils.traffic.weights import EMPTY, Weights

BLUE, GREEN, BOTH = Weights.all_to("blue"), Weights.all_to("green"), Weights(80, 20)


class RouterConformance(ABC):
    @abstractmethod
    def make_router(self, folder: Path) -> Router:
        """Makes a router on which nothing was ever committed; with the same folder again, that router as another process sees it."""

    @pytest.fixture
    def router(self, tmp_path: Path) -> Router:
        return self.make_router(tmp_path)

    def test_without_a_commit_there_is_no_generation(self, router: Router) -> None:
        assert not router.exists()
        with pytest.raises(Refusal):
            router.current()

    def test_what_is_committed_is_current_for_everybody(self, router: Router, tmp_path: Path) -> None:
        for weights in (EMPTY, BLUE, BOTH, GREEN, BLUE):
            committed = router.commit(router.prepare(weights))
            assert committed.generation.weights == weights
            assert committed.microseconds >= 0
            assert router.current() == committed.generation == self.make_router(tmp_path).current()

    @pytest.mark.parametrize(
        ("history", "candidate"),
        [
            ([BLUE, Weights(80, 20)], "green"),
            ([GREEN, Weights(80, 20)], "blue"),
            ([BLUE, Weights(80, 20), Weights(10, 90)], "green"),
            ([BLUE, Weights(80, 20), GREEN], ""),
            ([BLUE, Weights(80, 20), GREEN, Weights(10, 90)], "blue"),
            ([EMPTY, Weights(60, 40)], "green"),
            ([EMPTY, Weights(40, 60)], "blue"),
            ([Weights(50, 50)], "green"),
        ],
    )
    def test_who_was_stable_stays_so_while_a_candidate_tries(self, router: Router, history: list[Weights], candidate: str) -> None:
        for weights in history:
            router.commit(router.prepare(weights))
        assert router.current().candidate == candidate

    def test_maintenance_remembers_what_traffic_returns_to(self, router: Router, tmp_path: Path) -> None:
        router.commit(router.prepare(BLUE))
        canary = router.commit(router.prepare(BOTH)).generation
        closed = router.commit(router.prepare(BOTH, maintenance=True)).generation
        assert router.current() == self.make_router(tmp_path).current() == closed
        assert (closed.maintenance, closed.weights, closed.candidate, closed.served) == (True, BOTH, "green", EMPTY)
        opened = router.commit(router.prepare(closed.weights)).generation
        assert opened.says_the_same_as(canary)
        assert opened.number > closed.number

    def test_what_is_laid_is_what_comes_into_force(self, router: Router) -> None:
        """So that several routers can be told one generation by somebody who knows them all."""
        router.commit(router.prepare(BLUE))
        agreed = Generation(router.upcoming() + 5, BOTH, candidate="blue")
        assert router.commit(router.lay(agreed)).generation == router.current() == agreed
        assert router.upcoming() == agreed.number + 1

    def test_preparing_changes_no_traffic(self, router: Router) -> None:
        before = router.commit(router.prepare(BLUE)).generation
        router.prepare(GREEN)
        assert router.current() == before

    def test_numbers_grow_and_are_known_beforehand(self, router: Router) -> None:
        numbers = []
        for weights in (BLUE, GREEN, BLUE):
            upcoming = router.upcoming()
            numbers.append(router.commit(router.prepare(weights)).generation.number)
            assert numbers[-1] == upcoming
        assert numbers == sorted(set(numbers))

    def test_an_outdated_fencing_number_moves_nothing(self, router: Router, tmp_path: Path) -> None:
        router.commit(router.prepare(BLUE), fencing_number=7)
        green = router.commit(router.prepare(GREEN), fencing_number=8).generation
        sleeper = self.make_router(tmp_path)
        with pytest.raises(Refusal, match="fencing number 7 is outdated, 8 "):
            sleeper.refuse_outdated(7)
        with pytest.raises(Refusal, match="fencing number 7 is outdated, 8 "):
            sleeper.commit(sleeper.prepare(BLUE), fencing_number=7)
        assert router.current() == green
        router.refuse_outdated(8)
        assert router.commit(router.prepare(BLUE), fencing_number=8).generation.weights == BLUE

    def test_the_current_generation_survives_pruning(self, router: Router) -> None:
        first = router.commit(router.prepare(BLUE)).generation
        for _ in range(15):
            router.prepare(GREEN)
        router.prune()
        assert router.current() == first
        for weights in (GREEN, BLUE) * 10:
            last = router.commit(router.prepare(weights)).generation
        assert router.prune()
        assert router.current() == last
        assert router.prune() == []

    def test_exclusive_may_be_entered_again_by_its_holder(self, router: Router) -> None:
        with router.exclusive(), router.exclusive():
            router.commit(router.prepare(BLUE))
        assert router.current().weights == BLUE
