"""Transparency: what customers are told before they are asked, and what has become of their data."""

from .notice import Notice, purposes_of, render
from .story import History, Line, confidential, sentence

__all__ = ["History", "Line", "Notice", "confidential", "purposes_of", "render", "sentence"]
