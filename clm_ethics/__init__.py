"""Treat customers' data ethically through the whole customer lifecycle.

One policy, one steward, one customer handle: ``Policy``, ``Steward``, ``Customer``. Asking
(``may``, ``read``, ``choose``) gives an explained answer; telling (``put``, ``record``,
``grant``, ``withdraw``, ``erase`` ...) appends an event to the customer's own stream.

A name is loaded when it is first asked for: ``import clm_ethics`` itself costs next to nothing.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .customer import AsyncCustomer, Choice, Customer
    from .errors import (
        AlreadyEnrolled,
        Busy,
        ClmError,
        Denied,
        FieldWithheld,
        KeyReused,
        NotAwaited,
        NoticeOutdated,
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
    "NoticeOutdated",
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

_HOMES = {
    "customer": ("AsyncCustomer", "Choice", "Customer"),
    "ethics": ("Level", "Offer"),
    "policy": ("Decision", "Policy"),
    "steward": ("AsyncSteward", "Steward"),
    "vault.keys": ("FileKeys", "Keys"),
    "verbs.views": ("View",),
}
"""Where the names live; those that are not here are errors."""


def __getattr__(name: str) -> object:
    """Load *name* from where it lives (PEP 562), and keep it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    home = next((home for home, names in _HOMES.items() if name in names), "errors")
    found = globals()[name] = getattr(import_module(f"{__name__}.{home}"), name)
    return found


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted({*globals(), *__all__})
