"""What is made of the results of futures."""

import gc
import weakref
from concurrent.futures import Future

from eyelid.engine import after


class Content:
    """Something to watch the end of."""


def test_cancelling_reaches_the_work_that_was_started_with_the_results() -> None:
    first, second = Future[int](), Future[int]()
    whole = after([first], lambda made: second)
    first.set_result(1)
    assert whole.cancel()
    assert second.cancelled()


def test_content_goes_with_the_last_who_holds_it_not_with_the_next_garbage_collection() -> None:
    def ask() -> weakref.ref[Content]:
        content, first, second = Content(), Future[int](), Future[int]()
        whole = after([first], lambda made: (content, second)[1])
        first.set_result(1)
        second.set_result(2)
        assert whole.result(5) == 2
        return weakref.ref(content)

    gc.disable()
    try:
        assert ask()() is None
    finally:
        gc.enable()


class Falsy(Exception):
    """Stands for nothing."""

    def __bool__(self) -> bool:
        return False


def test_an_error_that_counts_as_nothing_is_an_error() -> None:
    first = Future[int]()
    whole = after([first], lambda made: type(made[0]))
    first.set_exception(Falsy())
    assert whole.result(5) is Falsy
