"""A verb of ``AsyncSteward`` that has not been awaited yet: it cannot be taken for its answer."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Coroutine, Generator
from typing import Any, Generic, NoReturn, TypeVar

from ..errors import NotAwaited

T = TypeVar("T")


class Pending(Coroutine[Any, Any, T], Generic[T]):
    """A coroutine whose truth, items, length and equality raise ``NotAwaited``.

    ``if customer.may("x"):`` without ``await`` must not be true. What is dropped without having
    been awaited warns (``RuntimeWarning``), for a withdrawal that was never made is worse.
    """

    __slots__ = ("_coroutine", "_start", "_told", "_verb")

    def __init__(self, start: Callable[[], Coroutine[Any, Any, T]], verb: str) -> None:
        self._start = start
        self._verb = verb
        self._coroutine: Coroutine[Any, Any, T] | None = None
        self._told = False

    def _running(self) -> Coroutine[Any, Any, T]:
        if self._coroutine is None:
            self._told = True
            self._coroutine = self._start()
        return self._coroutine

    def __await__(self) -> Generator[Any, Any, T]:
        """Run the verb."""
        return self._running().__await__()

    def send(self, value: Any, /) -> Any:
        """See :class:`collections.abc.Coroutine`."""
        return self._running().send(value)

    def throw(self, *error: Any) -> Any:
        """See :class:`collections.abc.Coroutine`."""
        return self._running().throw(*error)

    def close(self) -> None:
        """Give it up without a warning."""
        self._told = True
        if self._coroutine is not None:
            self._coroutine.close()

    def __repr__(self) -> str:
        """Name the verb."""
        return f"<Pending {self._verb}: await it>"

    def __bool__(self) -> NoReturn:  # noqa: PLE0304  (that it raises is the point)
        """Raise: a pending answer is neither yes nor no."""
        self._refuse()

    def __getitem__(self, key: object) -> NoReturn:
        """Raise: there is no answer yet."""
        self._refuse()

    def __iter__(self) -> NoReturn:
        """Raise: there is no answer yet."""
        self._refuse()

    def __contains__(self, key: object) -> NoReturn:
        """Raise: there is no answer yet."""
        self._refuse()

    def __len__(self) -> NoReturn:  # noqa: PLE0303  (that it raises is the point)
        """Raise: there is no answer yet."""
        self._refuse()

    def __eq__(self, other: object) -> NoReturn:
        """Raise: there is no answer yet."""
        self._refuse()

    __hash__ = object.__hash__

    def _refuse(self) -> NoReturn:
        self._told = True
        raise NotAwaited(f"`{self._verb}` has not been awaited", remedy=f"write `await ...{self._verb}(...)`")

    def __del__(self) -> None:
        if not self._told:
            warnings.warn(f"`{self._verb}` was never awaited: nothing was done", RuntimeWarning, stacklevel=2)
