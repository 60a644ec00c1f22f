"""A candidate policy beside the one in force: what changes on paper, and what it would answer."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..errors import UsageError
from ..policy import Policy
from ..policy.diff import Diff, diff
from ..transparency.comparing import FLOOR, Shadow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..flows import Setting


def changes(setting: Setting, candidate: Policy) -> Diff:
    """Return what changes when *candidate* takes the place of the policy in force."""
    return diff(setting.policy, _checked(candidate, "diff()"))


@contextmanager
def shadow(setting: Setting, candidate: Policy, k: int) -> Iterator[Shadow]:
    """Ask *candidate* too whatever ``may`` and ``read`` ask while the block runs.

    Raises:
        UsageError: *candidate* is no policy, or *k* no whole number from 1 on.
    """
    found = Shadow(_checked(candidate, "shadow()"), k=k, live=setting.policy)
    shared = setting.shared
    with shared.lock:
        shared.shadows = (*shared.shadows, found)
    try:
        yield found
    finally:
        with shared.lock:
            shared.shadows = tuple(each for each in shared.shadows if each is not found)


def _checked(candidate: Policy, place: str) -> Policy:
    if not isinstance(candidate, Policy):
        raise UsageError("no policy", place=place, remedy="pass Policy.load(...) or Policy.of(...)")
    return candidate


__all__ = ["FLOOR", "changes", "shadow"]
