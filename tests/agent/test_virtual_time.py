"""Virtual time: order, freezing, charging."""

from __future__ import annotations

import asyncio
import datetime as dt
import threading
import time

import pytest

from agent.virtual_time import Deadlock, Standstill, VirtualContext, VirtualLoop, charged, run_virtual


def test_an_hour_takes_no_time_and_the_clock_is_exact() -> None:
    async def main() -> float:
        await asyncio.sleep(3000)
        return asyncio.get_running_loop().time()

    began_s = time.monotonic()
    assert run_virtual(main()) == pytest.approx(3000)
    assert time.monotonic() - began_s < 1


def test_timers_of_one_moment_fire_in_the_order_in_which_they_were_set() -> None:
    async def main() -> list[int]:
        loop, fired = asyncio.get_running_loop(), list[int]()
        for number in range(200):
            # Others before and after, so that a heap would have reason to mix them.
            loop.call_at(5.0, fired.append, number)
            loop.call_at(1.0 + (number * 7919 % 13), lambda: None)
        await asyncio.sleep(20)
        return fired

    assert run_virtual(main()) == list(range(200))


def test_cancelled_timers_do_not_fire() -> None:
    async def main() -> list[str]:
        loop, fired = asyncio.get_running_loop(), list[str]()
        loop.call_later(1, fired.append, "a")
        loop.call_later(1, fired.append, "b").cancel()
        await asyncio.sleep(2)
        return fired

    assert run_virtual(main()) == ["a"]


def test_a_program_that_would_hang_for_ever_is_told() -> None:
    async def main() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(Deadlock), asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(main())


def test_offloaded_work_runs_inline_and_is_charged_what_it_states() -> None:
    async def main() -> tuple[float, bool]:
        ctx = VirtualContext(began_at=dt.datetime(2026, 5, 1, tzinfo=dt.UTC))
        mine = threading.get_ident()
        inline = await ctx.offload(lambda: threading.get_ident() == mine, cost_ms=250)
        assert ctx.wall_time() == dt.datetime(2026, 5, 1, 0, 0, 0, 250_000, tzinfo=dt.UTC)
        return ctx.now_s(), inline

    assert run_virtual(main()) == (0.25, True)


def test_what_work_hands_over_comes_before_its_end() -> None:
    async def main() -> list[str]:
        ctx, came = VirtualContext(), list[str]()
        await ctx.offload(lambda: [ctx.hand_over(came.append, piece) for piece in "ab"], cost_ms=1)
        came.append("end")
        return came

    assert run_virtual(main()) == ["a", "b", "end"]


def test_what_is_real_freezes_the_clock_and_is_charged() -> None:
    async def main() -> tuple[float, list[float], bool]:
        loop, ticks = asyncio.get_running_loop(), list[float]()
        assert isinstance(loop, VirtualLoop)

        async def tick() -> None:
            while True:
                await asyncio.sleep(0.01)
                ticks.append(loop.time())

        ticking = asyncio.create_task(tick())
        answer = loop.create_future()
        timer = threading.Timer(0.15, lambda: loop.call_soon_threadsafe(answer.set_result, loop.time()))
        timer.start()
        answered_s = await charged(answer)
        assert answered_s < 0.02  # virtual seconds: the clock stood still
        ticking.cancel()
        await asyncio.wait([ticking])
        timer.join()
        return loop.time(), ticks, loop.touched_reality

    took_s, ticks, touched = run_virtual(main())
    assert 0.14 < took_s < 2
    assert len(ticks) >= 13  # others went on while it was charged
    assert touched


def test_a_thread_at_work_freezes_the_clock_and_is_charged() -> None:
    """Tools use them: asyncio.to_thread, and whatever looks up a host's name."""

    async def main() -> tuple[str, float, bool]:
        loop, done = asyncio.get_running_loop(), threading.Event()
        threading.Timer(0.05, done.set).start()
        async with asyncio.timeout(3):
            assert await asyncio.to_thread(done.wait, 10)
            await loop.getaddrinfo("127.0.0.1", 80)
            text = await loop.run_in_executor(None, str.upper, "done")
        assert isinstance(loop, VirtualLoop)
        return text, loop.time(), loop.touched_reality

    text, took_s, real = run_virtual(main())
    assert (text, real) == ("DONE", True)
    assert 0.04 < took_s < 2


def test_something_real_within_something_real_is_charged_once() -> None:
    async def main() -> float:
        done = threading.Event()
        threading.Timer(0.05, done.set).start()
        await charged(asyncio.to_thread(done.wait, 10))
        return asyncio.get_running_loop().time()

    assert 0.04 < run_virtual(main()) < 2


def test_a_program_that_runs_for_ever_at_one_moment_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.virtual_time.MOST_ROUNDS", 1000)

    async def feeds_itself() -> None:
        loop = asyncio.get_running_loop()

        def ping() -> None:
            loop.call_later(0, loop.call_soon, ping)

        ping()
        await asyncio.sleep(1)

    async def never_waits() -> None:
        while True:
            await asyncio.sleep(0)

    for program in (feeds_itself, never_waits):
        with pytest.raises(Standstill, match="1000 rounds of work, and no time has passed"):
            run_virtual(program())


def test_much_work_at_one_moment_is_no_standstill(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.virtual_time.MOST_ROUNDS", 1000)

    async def main() -> None:
        for _ in range(10):
            for _ in range(900):
                await asyncio.sleep(0)
            await asyncio.sleep(0.001)

    run_virtual(main())


def test_on_a_real_loop_nothing_is_charged() -> None:
    async def main() -> int:
        return await charged(asyncio.sleep(0, 7))

    assert asyncio.run(main()) == 7


def test_tasks_left_behind_are_an_error() -> None:
    async def main() -> None:
        main.left = asyncio.create_task(asyncio.sleep(1000))  # type: ignore[attr-defined]

    with pytest.raises(AssertionError, match="left behind"):
        run_virtual(main())


@pytest.mark.parametrize("stubborn", [False, True])
def test_what_is_left_behind_is_an_error_or_is_dropped(stubborn: bool) -> None:
    async def left() -> None:
        while True:
            try:
                await asyncio.sleep(1)
            except asyncio.CancelledError:
                if not stubborn:
                    raise

    async def main(kept: list[asyncio.Task[None]]) -> int:
        kept.append(asyncio.get_running_loop().create_task(left()))
        await asyncio.sleep(0)
        return 7

    assert run_virtual(main([]), strict=False) == 7
    with pytest.raises(AssertionError, match="left behind"):
        run_virtual(main([]))
