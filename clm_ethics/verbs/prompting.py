"""Asking somebody for consent is itself something to decide: a no is not worn down by asking again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import UsageError
from ..ethics import Asking, Prompt
from ..ethics import may_ask as decide_asking
from ..flows.setting import NOBODY
from ..model.events import Asked
from ..model.times import aware
from .checking import check_text
from .common import check_actor, key_bytes, moved, on_customer, peek, repeated

if TYPE_CHECKING:
    from datetime import datetime

    from ..flows import Book, Flow, Setting

LONGEST_SURFACE = 100
"""Most characters of a surface's name."""


def may_ask(
    setting: Setting, ref: str, purpose: str, *, prompt: Prompt | None = None, at: datetime | None = None
) -> Flow[Asking]:
    """Say whether the customer may be asked to agree to *purpose*, on whatever surface; nothing is written.

    *prompt* is how it would look; one that manipulates is not shown. *at* is the instant (aware).

    Raises:
        UnknownName: the policy declares no such purpose.
    """
    _check(setting, purpose, prompt, "may_ask")
    moment = setting.clock() if at is None else aware(at, "may_ask(at=)")
    book = yield from peek(setting, ref)
    return decide_asking(setting.policy, book.state, purpose, moment, prompt=prompt)


def ask(
    setting: Setting,
    ref: str,
    purpose: str,
    *,
    surface: str = "",
    prompt: Prompt | None = None,
    by: str | None = None,
    key: str | None = None,
) -> Flow[Asking]:
    """Decide whether to show a prompt on *surface* and, if so, write down that it is shown.

    The prompt counts from here on, on every surface, whatever the customer answers; of two surfaces
    that ask at once one is told no. *key* makes a repetition the same prompt. A customer nobody knows
    is not asked.

    Raises:
        UnknownName: the policy declares no such purpose.
        KeyReused: the key was used for another prompt.
    """
    by = check_actor(by, setting.acting, "ask")
    _check(setting, purpose, prompt, "ask")
    check_text(surface, "a surface", "ask(surface=)", LONGEST_SURFACE, least=0)

    def tell(book: Book) -> Asking:
        mine = key_bytes(book, "ask", key, [purpose, surface]) if book.sealer is not None else b""
        if repeated(book, mine, "ask") is not None:
            return Asking(purpose=purpose)
        found = decide_asking(setting.policy, book.state, purpose, book.now(), prompt=prompt)
        if found and book.sealer is not None:
            said = Asked(
                at=book.now(), by=by, policy=setting.policy.hash, key=mine, purpose=purpose, surface=surface
            )
            book.append(moved(setting, book, said))
        return found

    def nobody() -> Asking:
        return decide_asking(setting.policy, NOBODY, purpose, setting.clock(), prompt=prompt)

    return (yield from on_customer(setting, ref, tell, nobody))


def _check(setting: Setting, purpose: str, prompt: Prompt | None, verb: str) -> None:
    setting.policy.purpose(purpose)
    if prompt is not None and not isinstance(prompt, Prompt):
        raise UsageError("what is shown is no Prompt", place=verb, remedy="Prompt(accept=..., refuse=...)")
