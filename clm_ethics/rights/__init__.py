"""The rights of data subjects, as far as they are pure: what an erasure takes and what a law keeps."""

from .erasure import ErasurePlan, plan_erasure

__all__ = ["ErasurePlan", "plan_erasure"]
