from __future__ import annotations

import asyncio
import threading

import pytest

from api_gateway.lane import Lane, LaneFull


def test_so_many_work_so_many_wait_and_the_next_is_sent_away() -> None:
    go_on, working = threading.Event(), threading.Semaphore(0)

    def work(number: int) -> int:
        working.release()
        assert go_on.wait(10)
        return number

    async def scenario() -> None:
        lane = Lane(workers=2, most_waiting=3)
        inside = [asyncio.ensure_future(lane.run(work, number)) for number in range(5)]
        await asyncio.sleep(0)
        with pytest.raises(LaneFull):
            await lane.run(work, 5)
        for _ in range(2):
            assert await asyncio.to_thread(working.acquire, timeout=10)
        assert not working.acquire(blocking=False)
        go_on.set()
        assert await asyncio.gather(*inside) == [0, 1, 2, 3, 4]
        assert await lane.run(work, 6) == 6

    asyncio.run(scenario())


def test_what_fails_makes_room_again() -> None:
    async def scenario() -> None:
        lane = Lane(workers=1, most_waiting=0)
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                await lane.run(divmod, 1, 0)
        assert await lane.run(divmod, 7, 2) == (3, 1)

    asyncio.run(scenario())
