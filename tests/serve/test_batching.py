"""Things that wait are answered together; one that fails harms no other."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strokejax.serve.batching import Batcher


def ask(things, most, function):
    """What each of several callers gets, all at once."""

    async def all_at_once():
        batcher = Batcher(function, executor, lambda: most)
        calls = [batcher(each) for each in things]
        return await asyncio.gather(*calls, return_exceptions=True)

    with ThreadPoolExecutor(1) as executor:
        return asyncio.run(all_at_once())


@given(st.lists(st.integers(-5, 5), max_size=20), st.integers(1, 5))
def test_each_caller_gets_its_own(things, most):
    sizes = []

    def squares(given):
        sizes.append(len(given))
        return [each**2 if each >= 0 else ValueError(each) for each in given]

    found = ask(things, most, squares)
    for each, value in zip(things, found, strict=True):
        if each >= 0:
            assert value == each**2
        else:
            assert isinstance(value, ValueError) and value.args == (each,)
    assert sum(sizes) == len(things)
    assert all(size <= most for size in sizes)
    assert len(sizes) == -(-len(things) // most)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=12), st.integers(1, 5))
def test_what_fails_together_is_tried_alone(things, most):
    def inverse(given):
        return [1 / each for each in given]

    for each, value in zip(things, ask(things, most, inverse), strict=True):
        if each:
            assert value == 1 / each
        else:
            assert isinstance(value, ZeroDivisionError)


def test_a_caller_that_has_gone_stops_nobody():
    async def one_goes():
        batcher = Batcher(lambda given: given, executor, lambda: 4)
        going = asyncio.ensure_future(batcher(1))
        staying = asyncio.ensure_future(batcher(2))
        await asyncio.sleep(0)
        going.cancel()
        assert await staying == 2
        with pytest.raises(asyncio.CancelledError):
            await going
        assert await batcher(3) == 3

    with ThreadPoolExecutor(1) as executor:
        asyncio.run(one_goes())
