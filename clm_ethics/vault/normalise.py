"""The form of a value under which it is looked up.

Two spellings of one address must give one look-up token; two people must not. So each kind
does little, and what it does is listed here:

``email``
    surrounding space goes; case is folded (Unicode canonical caseless form), then NFC. Dots
    and ``+tags`` stay: that they mean nothing is a rule of some providers, not of mail
    (RFC 5321, 2.4). Domains in punycode stay as they are.
``phone``
    compatibility forms are unified (NFKC) and decimal digits of any script become ASCII; only
    digits stay, and a ``+`` before the first of them. Leading ``00`` becomes ``+``. A national
    number gets no country, and a written ``(0)`` stays a digit: nothing is guessed.
``plain``
    surrounding space goes, then NFC. Case stays.
"""

from __future__ import annotations

from unicodedata import decimal, normalize

from clm_ethics.errors import UnknownName, ValueRefused

KINDS = ("email", "phone", "plain")
"""The kinds that a policy may declare."""


def normalise(kind: str, text: str) -> str:
    """Return the form of *text* under which a value of *kind* is looked up; it is idempotent.

    Raises:
        UnknownName: (a ``UsageError``) no such kind.
        ValueRefused: (a ``UsageError``) not Unicode text, or nothing is left of it: an empty
            look-up would find everybody whose value is missing.
    """
    normaliser = _NORMALISERS.get(kind)
    if normaliser is None:
        raise UnknownName.among("normaliser", kind, KINDS)
    if not isinstance(text, str):
        raise ValueRefused(f"a look-up value of kind {kind} is text")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueRefused(f"a look-up value of kind {kind} is Unicode text") from None
    found = normaliser(text)
    if not found:
        raise ValueRefused(f"nothing is left of a look-up value of kind {kind}", remedy="leave it out")
    return found


def _email(text: str) -> str:
    # Unicode, D145: folding may undo a normal form, so one is made before and after.
    return normalize("NFC", normalize("NFD", text.strip()).casefold())


def _phone(text: str) -> str:
    unified = normalize("NFKC", text)
    digits = "".join(str(digit) for each in unified if (digit := decimal(each, None)) is not None)
    before = unified.partition("+")[0]
    international = "+" in unified and all(decimal(each, None) is None for each in before)
    if not international and digits.startswith("00"):
        international, digits = True, digits[2:]
    return f"+{digits}" if international and digits else digits


def _plain(text: str) -> str:
    return normalize("NFC", text.strip())


_NORMALISERS = {"email": _email, "phone": _phone, "plain": _plain}
