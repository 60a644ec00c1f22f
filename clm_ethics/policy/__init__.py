"""Policies, and the decision that they and the law make about a request."""

from .decide import decide
from .decision import Decision, Grant, Kind, Reason, Remedy, Request, Verdict
from .policy import Policy
from .values import Basis, Channel, Field, Keep, Purpose

__all__ = [
    "Basis",
    "Channel",
    "Decision",
    "Field",
    "Grant",
    "Keep",
    "Kind",
    "Policy",
    "Purpose",
    "Reason",
    "Remedy",
    "Request",
    "Verdict",
    "decide",
]
