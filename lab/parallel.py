"""Work that is done at the same time: the first failure counts."""

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def results(futures: Iterable[Future[Result]]) -> list[Result]:
    """The results in the given order, once all are there. Raises the first failure as soon as it happens."""
    ordered = list(futures)
    for future in as_completed(ordered):
        future.result()
    return [future.result() for future in ordered]


def for_each(work: Callable[[Item], Result], items: Iterable[Item], *, at_once: int) -> list[Result]:
    """Call ``work`` for every item, ``at_once`` at a time, and wait for all. Raises the first failure."""
    with ThreadPoolExecutor(at_once) as pool:
        return results([pool.submit(work, item) for item in items])
