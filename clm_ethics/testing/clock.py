"""A clock that stands still until a test moves it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class Clock:
    """What ``Steward.memory(policy, clock=...)`` takes: the time that a test says, in UTC.

    It moves on by a millisecond whenever somebody looks, so that no two things happen at once.
    """

    def __init__(self, now: datetime = datetime(2026, 1, 5, 9, tzinfo=UTC)) -> None:
        self.now = now

    def __call__(self) -> datetime:
        """Return the time (aware, UTC)."""
        self.now += timedelta(milliseconds=1)
        return self.now

    def move(self, span: timedelta) -> None:
        """Let *span* pass."""
        self.now += span
