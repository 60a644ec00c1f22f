"""Binding a verb, written once, to an object of either colour: one blocks, one returns a ``Pending``.

``ParamSpec`` keeps the verb's types; the object itself gives the setting, the driver, and (for
a customer) the reference.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, cast

from .pending import Pending

if TYPE_CHECKING:
    from collections.abc import Callable

    from .effects import Flow
    from .setting import Setting

P = ParamSpec("P")
T = TypeVar("T")


def blocking(verb: Callable[Concatenate[Setting, P], Flow[T]]) -> Callable[Concatenate[Any, P], T]:
    """Bind a verb of a steward to the blocking driver."""

    @functools.wraps(verb)
    def bound(self: Any, *args: P.args, **kwargs: P.kwargs) -> T:
        return cast("T", self._run(verb(self._setting, *args, **kwargs)))

    return cast("Callable[Concatenate[Any, P], T]", bound)


def awaiting(verb: Callable[Concatenate[Setting, P], Flow[T]]) -> Callable[Concatenate[Any, P], Pending[T]]:
    """Bind a verb of a steward to the awaiting driver."""

    @functools.wraps(verb)
    def bound(self: Any, *args: P.args, **kwargs: P.kwargs) -> Pending[T]:
        flow = verb(self._setting, *args, **kwargs)  # nothing runs yet: it only binds the arguments
        return Pending(lambda: self._run(flow), verb.__name__)

    return cast("Callable[Concatenate[Any, P], Pending[T]]", bound)


def blocking_one(verb: Callable[Concatenate[Setting, str, P], Flow[T]]) -> Callable[Concatenate[Any, P], T]:
    """Bind a verb about one customer to the blocking driver."""

    @functools.wraps(verb)
    def bound(self: Any, *args: P.args, **kwargs: P.kwargs) -> T:
        return cast("T", self._run(verb(self._setting, self.ref, *args, **kwargs)))

    return cast("Callable[Concatenate[Any, P], T]", bound)


def awaiting_one(
    verb: Callable[Concatenate[Setting, str, P], Flow[T]],
) -> Callable[Concatenate[Any, P], Pending[T]]:
    """Bind a verb about one customer to the awaiting driver."""

    @functools.wraps(verb)
    def bound(self: Any, *args: P.args, **kwargs: P.kwargs) -> Pending[T]:
        flow = verb(self._setting, self.ref, *args, **kwargs)
        return Pending(lambda: self._run(flow), verb.__name__)

    return cast("Callable[Concatenate[Any, P], Pending[T]]", bound)
