"""Notices: what the customer is told (Art. 13 and 14 GDPR)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..model.events import Informed
from ..transparency.notice import Notice, render
from .collecting import check_shown
from .common import check_actor, check_happened, key_bytes, moved, need_living, on_customer, repeated
from .telling import Noted

if TYPE_CHECKING:
    from datetime import datetime

    from ..flows import Book, Flow, Setting


def notice(setting: Setting, *purposes: str, locale: str | None = None) -> Flow[Notice]:
    """Render the notice of one or several purposes; nothing is stored.

    Its ``id`` is a hash over the clauses, the locale and the text: ``grant(shown=notice.id)``
    proves what was shown.
    """
    yield from ()  # a flow without effects
    return render(setting.policy, purposes, locale or setting.policy.controller.locales[0])


def inform(
    setting: Setting,
    ref: str,
    *,
    shown: str,
    by: str | None = None,
    at: datetime | None = None,
    key: str | None = None,
) -> Flow[Noted]:
    """Record that the customer was told with the notice *shown*: it ends the clock of Art. 14 GDPR.

    The notice names the purposes; the message that brings it says where the data came from.
    """
    by = check_actor(by, setting.acting, "inform")
    informed = check_shown(setting.policy, shown, "inform")
    happened = check_happened(at, setting.clock(), "inform")

    def tell(book: Book) -> Noted:
        need_living(book, "inform")
        mine = key_bytes(book, "inform", key, [shown])
        before = repeated(book, mine, "inform")
        if before is not None:
            return Noted(before.index, book.now(), book.state.stage, repeated=True)
        said = Informed(
            at=book.now(),
            by=by,
            happened=happened,
            policy=setting.policy.hash,
            key=mine,
            shown=shown,
            informed=informed,
        )
        book.remark = True
        written = book.append(moved(setting, book, said))
        return Noted(written.index, said.at, book.state.stage)

    return (yield from on_customer(setting, ref, tell))
