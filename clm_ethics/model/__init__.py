"""Frozen values: what happens to a customer, and what is known of one.

``state = fold(events)``: a legal scenario is a few lines, without storage or keys.

>>> from datetime import UTC, datetime
>>> noon = datetime(2026, 5, 4, 12, tzinfo=UTC)
>>> state = fold([Enrolled(at=noon, purpose="account"), Withdrawn(at=noon, purpose="newsletter")])
>>> state.consents["newsletter"].status
<Status.WITHDRAWN: 3>
>>> state
<State known, 2 entries>
"""

from .asof import fold_as_of
from .events import (
    AnyEvent,
    Asked,
    Cancelled,
    Chosen,
    Collected,
    Corrected,
    Enrolled,
    ErasureBegun,
    ErasureDone,
    Event,
    Forgotten,
    Granted,
    Informed,
    Moved,
    Objected,
    Preferred,
    Put,
    Read,
    Recorded,
    Refusal,
    Refused,
    Removed,
    Restricted,
    RestrictionLifted,
    Sent,
    SignalReceived,
    Swept,
    Withdrawn,
)
from .fold import apply, fold
from .state import (
    Clause,
    Consent,
    Contact,
    Contract,
    Objection,
    Owed,
    Preferences,
    Restriction,
    Run,
    State,
    Status,
)
from .times import Duration

__all__ = [
    "AnyEvent",
    "Asked",
    "Cancelled",
    "Chosen",
    "Clause",
    "Collected",
    "Consent",
    "Contact",
    "Contract",
    "Corrected",
    "Duration",
    "Enrolled",
    "ErasureBegun",
    "ErasureDone",
    "Event",
    "Forgotten",
    "Granted",
    "Informed",
    "Moved",
    "Objected",
    "Objection",
    "Owed",
    "Preferences",
    "Preferred",
    "Put",
    "Read",
    "Recorded",
    "Refusal",
    "Refused",
    "Removed",
    "Restricted",
    "Restriction",
    "RestrictionLifted",
    "Run",
    "Sent",
    "SignalReceived",
    "State",
    "Status",
    "Swept",
    "Withdrawn",
    "apply",
    "fold",
    "fold_as_of",
]
