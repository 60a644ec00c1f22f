"""What the customer prefers: topics, channels, how often. A preference can only narrow."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ..model.state import State
    from ..policy.values import Cap


class Preferences(NamedTuple):
    """What a customer wants less of; nothing in it ever allows anything.

    Attributes:
        topics: topics that they do not want to hear of, such as ``mothers_day``.
        channels: channels on which they do not want to be reached.
        most: how often at most, over all channels that reach out; beside every other limit.
    """

    topics: frozenset[str] = frozenset()
    channels: frozenset[str] = frozenset()
    most: Cap | None = None


NONE = Preferences()


def preferences_of(state: State) -> Preferences:
    """Return what *state* knows of the customer's preferences; one that records none has none."""
    found = getattr(state, "preferences", None)
    return found if isinstance(found, Preferences) else NONE
