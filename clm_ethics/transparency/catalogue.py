"""The fixed words of a notice, in English and German. Purposes bring titles in their own locales."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping


@attrs.frozen(kw_only=True)
class Catalogue:
    """The words of one language. Texts with braces are filled in.

    Attributes:
        language: BCP 47, for ``lang=``.
        labels: per heading its words.
        bases: per legal basis what it says, with its article.
        starts: per fact that a retention runs from its words; ``{span}`` is how long.
        precision: per precision how a value is seen; ``{n}`` is its size.
        doings: per processing that needs a word of its own.
        units: singular and plural of year, month, day, hour, minute, second.
        texts: everything else.
    """

    language: str
    labels: Mapping[str, str]
    bases: Mapping[str, str]
    starts: Mapping[str, str]
    precision: Mapping[str, str]
    doings: Mapping[str, str]
    units: Mapping[str, tuple[str, str]]
    texts: Mapping[str, str]


ENGLISH = Catalogue(
    language="en",
    labels={
        "title": "How we would use your data",
        "what": "What we use",
        "why": "Why we may",
        "doing": "What we do with it",
        "channels": "How we would reach you",
        "who": "Who else gets it",
        "how_long": "How long we keep it",
        "no": "How to say no",
        "clause": "Terms",
        "rights": "Your rights",
        "controller": "Who is responsible",
    },
    bases={
        "consent": "You agree to it (Art. 6(1)(a) GDPR). You are free not to.",
        "contract": "A contract with you, or a step before it that you ask for, needs it (Art. "
        "6(1)(b) GDPR). "
        "Without it we cannot do that.",
        "legal_obligation": "A law obliges us: {law} (Art. 6(1)(c) GDPR).",
        "legitimate_interest": "Our legitimate interest, weighed against yours: {assessment} (Art. "
        "6(1)(f) GDPR).",
        "soft_opt_in": "You bought from us and gave us the address then; we tell you of our own "
        "similar offers "
        "until you say no (Art. 13(2) ePrivacy Directive).",
        "opt_out": "The law allows it until you say no.",
        "public_task": "A task in the public interest needs it (Art. 6(1)(e) GDPR).",
        "vital_interest": "It protects somebody's life (Art. 6(1)(d) GDPR).",
    },
    starts={
        "collected": "{span} from the day it was collected",
        "contract_end": "until {span} after the contract has ended",
        "withdrawal": "until {span} after you have said no",
        "year_end": "{span} from the end of the year in which it was collected",
        "now:contract_end": "until the contract has ended",
        "now:withdrawal": "until you say no",
        "now:year_end": "until the end of the year in which it was collected",
        "": "as long as this purpose needs it",
    },
    precision={
        "year": "only the year",
        "month": "only year and month",
        "count": "only how many",
        "prefix": "only the first {n} characters",
        "bucket": "only in steps of {n}",
    },
    doings={
        "analytics": "We count and compare how our services are used.",
        "personalization": "We make a profile of what suits you.",
        "direct_marketing": "We advertise to you. Every message offers a way to stop it.",
        "targeted_ads": "We show you advertising that is chosen by your data.",
        "sale_sharing": "We sell it or share it for advertising.",
        "personalised_price": "We set a price by your data, and say so wherever it applies.",
        "automated_decision": "A machine decides about you. You may ask a human to look at it again "
        "(Art. 22(3) GDPR).",
        "financial_incentive": "You get an advantage for it.",
    },
    units={
        "year": ("year", "years"),
        "month": ("month", "months"),
        "day": ("day", "days"),
        "hour": ("hour", "hours"),
        "minute": ("minute", "minutes"),
        "second": ("second", "seconds"),
    },
    texts={
        "and": "and",
        "nothing": "none of your data",
        "nobody": "nobody",
        "special": "special category: only if you agree to it explicitly, Art. 9(2)(a) GDPR",
        "special_by_law": "special category",
        "derived": "worked out from {fields}",
        "device": "We also store something on your device, or read from it.",
        "under": "In {where}: {basis}",
        "no_consent": "You may withdraw at any time, as easily as you agreed. What was done before "
        "stays lawful.",
        "no_marketing": "You may object at any time, without a reason, as easily as it began. Then it ends.",
        "no_object": "You may object at any time.",
        "no_firm": "It ends with what it rests on; you may restrict it while its lawfulness is in dispute.",
        "expires": "Your yes lasts {span}; then we ask again.",
        "rights": "You may see, take with you, correct, restrict and erase your data, object to its use, and "
        "complain to a data protection authority. All of it is free (Art. 12 to 22 and 77 GDPR).",
        "controller": "{name}. Ask us, or say no, at: {contact}.",
        "audit": "We record who reads your data, and keep that record for {span}.",
    },
)

GERMAN = Catalogue(
    language="de",
    labels={
        "title": "Wie wir Ihre Daten verwenden würden",
        "what": "Was wir verwenden",
        "why": "Warum wir das dürfen",
        "doing": "Was wir damit tun",
        "channels": "Wie wir Sie erreichen würden",
        "who": "Wer es noch erhält",
        "how_long": "Wie lange wir es behalten",
        "no": "Wie Sie Nein sagen",
        "clause": "Bedingungen",
        "rights": "Ihre Rechte",
        "controller": "Wer verantwortlich ist",
    },
    bases={
        "consent": "Sie willigen ein (Art. 6 Abs. 1 lit. a DSGVO). Das ist freiwillig.",
        "contract": "Ein Vertrag mit Ihnen, oder ein Schritt davor, um den Sie bitten, braucht es "
        "(Art. 6 Abs. 1 lit. b DSGVO). Ohne es können wir das nicht tun.",
        "legal_obligation": "Ein Gesetz verpflichtet uns: {law} (Art. 6 Abs. 1 lit. c DSGVO).",
        "legitimate_interest": "Unser berechtigtes Interesse, gegen Ihres abgewogen: {assessment} "
        "(Art. 6 Abs. 1 lit. f DSGVO).",
        "soft_opt_in": "Sie haben bei uns gekauft und uns dabei die Adresse gegeben; wir werben für "
        "eigene ähnliche "
        "Angebote, bis Sie Nein sagen (Art. 13 Abs. 2 ePrivacy-Richtlinie).",
        "opt_out": "Das Gesetz erlaubt es, bis Sie Nein sagen.",
        "public_task": "Eine Aufgabe im öffentlichen Interesse braucht es (Art. 6 Abs. 1 lit. e DSGVO).",
        "vital_interest": "Es schützt das Leben eines Menschen (Art. 6 Abs. 1 lit. d DSGVO).",
    },
    starts={
        "collected": "{span} ab dem Tag der Erhebung",
        "contract_end": "bis {span} nach dem Ende des Vertrags",
        "withdrawal": "bis {span} nach Ihrem Nein",
        "year_end": "{span} ab dem Ende des Jahres der Erhebung",
        "now:contract_end": "bis zum Ende des Vertrags",
        "now:withdrawal": "bis zu Ihrem Nein",
        "now:year_end": "bis zum Ende des Jahres der Erhebung",
        "": "solange dieser Zweck es braucht",
    },
    precision={
        "year": "nur das Jahr",
        "month": "nur Jahr und Monat",
        "count": "nur die Anzahl",
        "prefix": "nur die ersten {n} Zeichen",
        "bucket": "nur in Schritten von {n}",
    },
    doings={
        "analytics": "Wir zählen und vergleichen, wie unsere Dienste genutzt werden.",
        "personalization": "Wir bilden ein Profil davon, was zu Ihnen passt.",
        "direct_marketing": "Wir werben bei Ihnen. Jede Nachricht bietet einen Weg, das zu beenden.",
        "targeted_ads": "Wir zeigen Ihnen Werbung, die nach Ihren Daten ausgewählt wird.",
        "sale_sharing": "Wir verkaufen sie oder geben sie für Werbung weiter.",
        "personalised_price": "Wir bilden einen Preis nach Ihren Daten und sagen es überall, wo er gilt.",
        "automated_decision": "Eine Maschine entscheidet über Sie. Sie können verlangen, dass ein "
        "Mensch es noch "
        "einmal ansieht (Art. 22 Abs. 3 DSGVO).",
        "financial_incentive": "Sie erhalten dafür einen Vorteil.",
    },
    units={
        "year": ("Jahr", "Jahre"),
        "month": ("Monat", "Monate"),
        "day": ("Tag", "Tage"),
        "hour": ("Stunde", "Stunden"),
        "minute": ("Minute", "Minuten"),
        "second": ("Sekunde", "Sekunden"),
    },
    texts={
        "and": "und",
        "nothing": "keine Ihrer Daten",
        "nobody": "niemand",
        "special": "besondere Kategorie: nur, wenn Sie ausdrücklich einwilligen, Art. 9 Abs. 2 lit. a DSGVO",
        "special_by_law": "besondere Kategorie",
        "derived": "errechnet aus {fields}",
        "device": "Wir speichern auch etwas auf Ihrem Gerät oder lesen davon.",
        "under": "In {where}: {basis}",
        "no_consent": "Sie können jederzeit widerrufen, so einfach, wie Sie eingewilligt haben. Was "
        "bis dahin geschah, "
        "bleibt rechtmäßig.",
        "no_marketing": "Sie können jederzeit ohne Grund widersprechen, so einfach, wie es begann. "
        "Dann endet es.",
        "no_object": "Sie können jederzeit widersprechen.",
        "no_firm": "Es endet mit dem, worauf es beruht; Sie können es einschränken lassen, solange "
        "die Rechtmäßigkeit "
        "streitig ist.",
        "expires": "Ihr Ja gilt {span}; dann fragen wir wieder.",
        "rights": "Sie können Ihre Daten einsehen, mitnehmen, berichtigen, einschränken und löschen "
        "lassen, ihrer "
        "Verwendung widersprechen und sich bei einer Datenschutzbehörde beschweren. All das ist kostenlos "
        "(Art. 12 bis 22 und 77 DSGVO).",
        "controller": "{name}. Fragen Sie uns, oder sagen Sie Nein: {contact}.",
        "audit": "Wir zeichnen auf, wer Ihre Daten liest, und behalten diese Aufzeichnung {span}.",
    },
)

CATALOGUES = {each.language: each for each in (ENGLISH, GERMAN)}


def catalogue(locale: str) -> Catalogue:
    """Return the words for *locale*: its language's, or English."""
    return CATALOGUES.get(locale.partition("-")[0].lower(), ENGLISH)
