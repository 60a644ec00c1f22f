"""Notices: what the customer is told before anything is collected (Art. 13 GDPR)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..transparency.notice import Notice, render

if TYPE_CHECKING:
    from ..flows import Flow, Setting


def notice(setting: Setting, *purposes: str, locale: str | None = None) -> Flow[Notice]:
    """Render the notice of one or several purposes; nothing is stored.

    Its ``id`` is a hash over the clauses, the locale and the text: ``grant(shown=notice.id)``
    proves what was shown.
    """
    yield from ()  # a flow without effects
    return render(setting.policy, purposes, locale or setting.policy.controller.locales[0])
