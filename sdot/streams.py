# SPDX-License-Identifier: GPL-3.0-or-later
"""Problems from an iterator, solved on all cores shortly before their results are asked for."""

from __future__ import annotations

import operator
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import count, repeat
from threading import Lock
from typing import Any, Generic, NamedTuple, NoReturn, TypeVar

from sdot.batches import Pair, pair_at, renamed
from sdot.distributions.distribution import Distribution
from sdot.driver import driver
from sdot.errors import ConvergenceError
from sdot.frameworks import needs_derivative
from sdot.progress import new_bar
from sdot.results import ResultFormat, result_format
from sdot.solver.solution import Solution
from sdot.solver.solve import Options
from sdot.solving import solve_or_raise

__all__ = ["Stream", "is_stream", "streamed"]

T = TypeVar("T")

_AHEAD = 2  # problems per core that are being solved, wait, or are solved and not yet asked for


def is_stream(*arguments: Any) -> bool:
    """Tell whether one of the arguments is an iterator, which a list is not."""
    return any(isinstance(x, Iterator) for x in arguments)


def streamed(
    f: Any, g: Any, options: Options, finish: Callable[[Solution, Pair, ResultFormat], T]
) -> Stream[T]:
    """Return an iterator over what ``finish`` makes of the solutions; they start cold."""
    is_single = [isinstance(x, Distribution) for x in (f, g)]
    columns = [repeat(x) if single else x for x, single in zip((f, g), is_single, strict=True)]
    rows = zip(*columns, strict=not any(is_single))
    known = [operator.length_hint(x) for x in columns if not isinstance(x, repeat)]
    tasks = map(partial(_task, replace(options, warm_start=False), finish), count(), rows)
    return Stream(tasks, min(known) or None, options.progress)


class Task(NamedTuple):
    """Work for any thread, and what is made of its result in that which asks for it."""

    work: Callable[[], Any]
    finish: Callable[[Any], Any]


class Stream(Iterator[T], Generic[T]):
    """Results of tasks, in order, each obtained when it is asked for or shortly before.

    Any number of threads may ask. If an element fails, so does the call that asks for it, and the
    next call goes on with the next element.
    """

    def __init__(self, tasks: Iterator[Task], total: int | None, progress: bool) -> None:
        threads = driver.threads
        self._tasks = tasks
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None
        self._most = _AHEAD * threads if threads > 1 else 1
        self._waiting: deque[Task] = deque()
        self._bar = new_bar("problems", total) if progress else None
        self._done = 0
        self._lock = Lock()

    def __next__(self) -> T:
        """Return the next result."""
        with self._lock:
            while len(self._waiting) < self._most and (task := self._next_task()) is not None:
                self._waiting.append(task)
            if not self._waiting:
                self._end()
                raise StopIteration
            try:
                result = self._waiting[0].work()
            except Exception:
                self._count_one()
                raise
            finish = self._waiting[0].finish
            self._count_one()
        answer: T = finish(result)
        return answer

    def close(self) -> None:
        """Drop what has not been asked for."""
        with self._lock:
            self._tasks = iter(())
            self._waiting.clear()
            self._end()

    def _next_task(self) -> Task | None:
        """Return the next task, begun if there are threads for it."""
        try:
            work, finish = next(self._tasks)
        except StopIteration:
            return None
        except Exception as error:  # to be raised when its turn comes
            work, finish = partial(_raise, error), _raise
        return Task(work if self._pool is None else self._pool.submit(work).result, finish)

    def _count_one(self) -> None:
        self._waiting.popleft()
        self._done += 1
        if self._bar is not None:
            self._bar.show(self._done)

    def _end(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None
        if self._bar is not None:
            self._bar.close()


def _task(
    options: Options,
    finish: Callable[[Solution, Pair, ResultFormat], Any],
    index: int,
    row: tuple[Any, Any],
) -> Task:
    pair = pair_at(index, *row)
    if any(map(needs_derivative, pair.leaves)):
        raise TypeError(
            f"element {index}: expected arrays without derivatives, which what comes from an "
            "iterator does not carry; pass a list, or detach them"
        )
    result, fixed = result_format(*pair.leaves), Pair(pair.diracs.snapshot, pair.density.snapshot)
    solve = partial(solve_or_raise, *fixed, options, result, (index,))
    return Task(partial(_solved, index, solve), lambda solution: finish(solution, fixed, result))


def _solved(index: int, solve: Callable[[], Solution]) -> Solution:
    try:
        return solve()
    except (ConvergenceError, ValueError, ArithmeticError) as failure:
        raise renamed(failure, f"element {index} failed. It says: {failure}") from failure


def _raise(error: Exception) -> NoReturn:
    raise error
