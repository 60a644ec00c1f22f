"""Treat customers' data ethically through the whole customer lifecycle.

One policy, one steward, one customer handle: ``Policy``, ``Steward``, ``Customer``. Asking
(``may``, ``read``, ``choose``) gives an explained answer; telling (``put``, ``record``,
``grant``, ``withdraw``, ``erase`` ...) appends an event to the customer's own stream.
"""

from .customer import AsyncCustomer, Choice, Customer
from .errors import (
    AlreadyEnrolled,
    Busy,
    ClmError,
    Denied,
    FieldWithheld,
    KeyReused,
    NotAwaited,
    PolicyError,
    StorageUnavailable,
    UnknownCustomer,
    UnknownName,
    UsageError,
    ValueRefused,
)
from .ethics import Level, Offer
from .policy import Decision, Policy
from .steward import AsyncSteward, Steward
from .vault.keys import FileKeys, Keys
from .verbs.views import View

__all__ = [
    "AlreadyEnrolled",
    "AsyncCustomer",
    "AsyncSteward",
    "Busy",
    "Choice",
    "ClmError",
    "Customer",
    "Decision",
    "Denied",
    "FieldWithheld",
    "FileKeys",
    "KeyReused",
    "Keys",
    "Level",
    "NotAwaited",
    "Offer",
    "Policy",
    "PolicyError",
    "Steward",
    "StorageUnavailable",
    "UnknownCustomer",
    "UnknownName",
    "UsageError",
    "ValueRefused",
    "View",
]
