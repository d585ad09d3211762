"""pmap's book and the size of its chunks: pure."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from cloudclusters.api.compute.book import Book, ChunkSize


@given(count=st.integers(0, 60), steps=st.lists(st.tuples(st.integers(1, 9), st.booleans()), max_size=60))
def test_every_item_is_finished_once_and_in_order(count: int, steps: list[tuple[int, bool]]) -> None:
    """Whatever comes back and in which order, each item has one result at its own place."""
    book = Book([range(count)])

    for size, comes_back in itertools.chain(steps, itertools.repeat((7, False))):
        taken = book.take(size)
        if comes_back:
            book.put_back(taken)
            continue
        for item in reversed(taken):
            book.finish(item, item.arguments)
        if book.is_empty:
            break

    assert book.results() == [(i,) for i in range(count)]
    assert book.done == book.total == count


def test_input_is_read_no_further_than_asked() -> None:
    """A generator of a million files costs nothing before its items are wanted."""
    read: list[int] = []

    def source() -> Iterator[int]:
        for number in itertools.count():
            read.append(number)
            yield number

    Book([source()]).take(3)

    assert read == [0, 1, 2]


def test_the_length_of_a_generator_is_unknown_until_it_ends() -> None:
    """Progress has no total then."""
    book = Book([iter("ab")])
    before = book.total

    book.take(5)

    assert (before, book.total) == (None, 2)


def test_the_shortest_iterable_ends_the_map() -> None:
    """As the built-in `map` does."""
    assert Book([range(5), "abc"]).total == 3


def test_a_lost_item_travels_alone() -> None:
    """An item that kills its worker must not take others with it."""
    from dataclasses import replace

    book = Book([range(6)])
    book.put_back(replace(item, losses=1) for item in book.take(3))

    assert [[i.index for i in book.take(10)] for _ in range(4)] == [[0], [1], [2], [3, 4, 5]]


def test_the_first_chunk_is_one_item() -> None:
    """Nothing is known yet: an item may take a second."""
    assert ChunkSize().next(10_000, 4) == 1


def test_long_items_travel_alone() -> None:
    """A chunk of several would only hold the others up."""
    size = ChunkSize()
    size.learn(1, 3.0)

    assert size.next(10_000, 4) == 1


@given(mean=st.floats(1e-6, 1e-3), slots=st.integers(1, 64))
def test_short_items_travel_in_growing_chunks(mean: float, slots: int) -> None:
    """A few steps lead from one item to chunks that are worth a task."""
    size = ChunkSize()
    for _ in range(6):
        count = size.next(None, slots)
        size.learn(count, count * mean)

    assert size.next(None, slots) * mean >= 0.05


def test_chunks_shrink_towards_the_end() -> None:
    """So that all threads end together."""
    size = ChunkSize()
    size.learn(8, 8 * 0.01)

    assert [size.next(left, 4) for left in (1000, 40, 16, 8)] == [8, 5, 2, 1]


def test_large_items_travel_in_small_chunks() -> None:
    """A message of gigabytes helps nobody, however short the calls are."""
    size = ChunkSize()
    size.learn(100, 0.001)
    size.learn_bytes(1, 2 << 20)

    assert size.next(None, 4) == 2


def test_a_fixed_chunk_is_obeyed() -> None:
    """The user may know better."""
    size = ChunkSize(17)
    size.learn(17, 100.0)

    assert size.next(3, 4) == 17
