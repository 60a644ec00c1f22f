"""What the authors of adapters and the developers of hosts test with.

Importing this package needs neither pytest nor hypothesis; ``StorageConformance``, ``CustomerMachine``,
``check_rule`` and the ``strategies`` do (the extra ``testing``).
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from clm_ethics.testing.blocking import Blocking, Loop
    from clm_ethics.testing.clock import Clock
    from clm_ethics.testing.conformance import Connect, StorageConformance
    from clm_ethics.testing.conformance_files import StorageFileConformance
    from clm_ethics.testing.conformance_processes import StorageProcessConformance
    from clm_ethics.testing.conformance_upgrade import StorageUpgradeConformance
    from clm_ethics.testing.hostile import Fault, HostileStorage
    from clm_ethics.testing.machine import CustomerMachine
    from clm_ethics.testing.rules import check_rule
    from clm_ethics.testing.strategies import Told, play
    from clm_ethics.testing.tamper import TAMPERINGS, Tamper, Tampering

__all__ = [
    "TAMPERINGS",
    "Blocking",
    "Clock",
    "Connect",
    "CustomerMachine",
    "Fault",
    "HostileStorage",
    "Loop",
    "StorageConformance",
    "StorageFileConformance",
    "StorageProcessConformance",
    "StorageUpgradeConformance",
    "Tamper",
    "Tampering",
    "Told",
    "check_rule",
    "play",
]

_HOMES: Final = {
    "Blocking": "clm_ethics.testing.blocking",
    "Clock": "clm_ethics.testing.clock",
    "Connect": "clm_ethics.testing.conformance",
    "CustomerMachine": "clm_ethics.testing.machine",
    "Fault": "clm_ethics.testing.hostile",
    "HostileStorage": "clm_ethics.testing.hostile",
    "Loop": "clm_ethics.testing.blocking",
    "StorageConformance": "clm_ethics.testing.conformance",
    "StorageFileConformance": "clm_ethics.testing.conformance_files",
    "StorageProcessConformance": "clm_ethics.testing.conformance_processes",
    "StorageUpgradeConformance": "clm_ethics.testing.conformance_upgrade",
    "TAMPERINGS": "clm_ethics.testing.tamper",
    "Tamper": "clm_ethics.testing.tamper",
    "Tampering": "clm_ethics.testing.tamper",
    "Told": "clm_ethics.testing.strategies",
    "check_rule": "clm_ethics.testing.rules",
    "play": "clm_ethics.testing.strategies",
}

REWRITTEN: Final = (
    "clm_ethics.testing.conformance",
    *(
        f"clm_ethics.testing.conformance_{name}"
        for name in (
            "bytes",
            "checked",
            "enrolling",
            "files",
            "groups",
            "lasting",
            "model",
            "pages",
            "processes",
            "races",
            "tools",
            "upgrade",
        )
    ),
)
"""The suite's modules, whose assertions show their two sides when they fail."""

if "pytest" in sys.modules:
    sys.modules["pytest"].register_assert_rewrite(*REWRITTEN)


def __getattr__(name: str) -> Any:
    """Import a name from its module when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """List the lazy names too."""
    return sorted(__all__)
