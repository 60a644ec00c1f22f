"""The reasons of a choice, and of asking, in the words of a language; see ``policy.catalogue``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..policy import catalogue as lawful
from ..policy.explanation import because
from .words import CODES, reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ..policy.catalogue import Catalogue
    from ..policy.decision import Reason
    from ..policy.explanation import Because

GERMAN_REASONS: Mapping[str, str] = {
    "offer.overreach": "der Zweck führt nicht auf, was das Angebot nutzt",
    "offer.inference": "es verrät durch Schlussfolgerung eine besondere Kategorie, und es gibt dafür keine "
    "ausdrückliche Einwilligung",
    "offer.channel": "das Angebot ist für andere Kanäle",
    "segment.unsized": "niemand sagt, wie viele Personen in der Gruppe sind, also kann es eine einzige sein",
    "segment.small": "die Gruppe ist zu klein, um eine zu sein",
    "offer.no_gain": "es trägt zur Auswahl fast nichts bei",
    "offer.stage": "das Angebot ist für andere Phasen",
    "offer.minor": "von niemandem, der minderjährig ist oder sein kann, wird für ein Angebot ein Profil "
    "gebildet",
    "offer.pressure_minor": "niemand, der minderjährig ist oder sein kann, wird unter Druck gesetzt",
    "offer.pressure_untrue": "niemand sagt, dass der Druck der Wahrheit entspricht",
    "offer.pressure_distress": "niemand, dem etwas Schweres widerfahren ist, wird unter Druck gesetzt",
    "offer.deadline_false": "die Frist ist nicht das, wofür die Person sie halten würde",
    "offer.scarcity_false": "die Knappheit ist nicht das, wofür die Person sie halten würde",
    "offer.risk_minor": "niemandem, der minderjährig ist oder sein kann, wird dies angeboten",
    "offer.risk_distress": "niemandem, dem etwas Schweres widerfahren ist, wird dies angeboten",
    "offer.vulnerability": "Menschen wurden wegen einer Schwäche ausgesucht, und nicht, um sie davor zu "
    "schützen",
    "offer.intrusive": "es greift stärker ein, als es der Person nützt",
    "offer.irreversible": "es ändert von selbst etwas, das sich nicht ebenso leicht rückgängig machen lässt",
    "offer.retaliation": "wer seine Daten behält, würde mehr verlieren, als die Daten wert sind",
    "offer.no_human": "es entscheidet gegen die Person, und kein Mensch sieht es noch einmal an",
    "offer.experiment": "der Versuch ist keiner, den man an Menschen machen darf",
    "offer.experiment_people": "weder an Minderjährigen noch an Menschen, denen etwas Schweres "
    "widerfahren ist, "
    "werden Versuche gemacht",
    "offer.not_urgent": "Werbung ist niemals dringend",
    "offer.sells": "ein Dienst lockt niemanden: das ist Werbung unter dem Zweck eines Dienstes",
    "offer.price_above": "der Preis liegt über dem öffentlichen, und keine Kosten sind belegt",
    "offer.price_loyalty": "neue Kundschaft zahlt für dasselbe weniger, und der Person wird nicht "
    "gezeigt, wie",
    "offer.price_undisclosed": "der Preis ist personalisiert, und die Person erfährt es nicht",
    "offer.price_undeclared": "der Preis ist personalisiert, und der Zweck nennt personalised_price nicht",
    "offer.price_impersonal": "ein personalisierter Preis braucht Daten, die hier nicht genutzt werden "
    "dürfen",
    "customer.full": "es ist kein Platz, den Kontakt festzuhalten, also unterbleibt er",
    "choice.twice": "die Person steht zweimal in dieser Liste und hat ihre Antwort",
    "choice.sent": "es ist schon hinausgegangen und geht nur einmal hinaus",
    "choice.cancelled": "es wurde abgebrochen, und sein Kontakt ist zurückgegeben",
    "choice.less": "es wurde mit Daten ausgewählt, die nicht mehr genutzt werden dürfen",
    "customer.unopened": "die Aufzeichnung der Person lässt sich nicht öffnen: `verify` ausführen",
    "contact.cap": "die Obergrenze des Kanals ist erreicht",
    "contact.budget": "die Person wurde über alle Kanäle oft genug angesprochen",
    "contact.win_back": "die Person wendet sich ab und wurde oft genug angesprochen",
    "contact.topic": "die Person möchte davon nichts hören",
    "contact.preferred": "die Person möchte seltener angesprochen werden",
    "contact.fatigue": "die Person hat lange nicht geantwortet",
    "contact.pressure": "die Person wurde oft genug unter Druck gesetzt",
    "contact.peace": "die Person wird eine Zeit lang in Ruhe gelassen",
    "contact.signal": "der Browser oder das Gerät der Person sendet ein Widerspruchssignal, und das "
    "zählt überall",
    "contact.quiet": "wo die Person ist oder sein kann, sind Ruhezeiten",
    "contact.objection": "die Person hat der Direktwerbung widersprochen und seitdem hierin nicht "
    "eingewilligt",
    "ask.refused": "die Person hat in den letzten zwölf Monaten Nein gesagt",
    "ask.objected": "die Person hat in den letzten zwölf Monaten widersprochen",
    "ask.unanswered": "die Person wurde gefragt und hat nicht geantwortet",
    "ask.agreed": "die Person hat schon eingewilligt",
    "ask.no_consent": "der Zweck beruht nicht auf Einwilligung",
    "ask.pointless": "ein Ja würde es nicht erlauben",
    "prompt.unequal": "Ablehnen ist schwerer als Einwilligen",
    "prompt.one_way": "Widerrufen ist schwerer als Einwilligen",
    "prompt.loaded": "die Worte drängen",
    "rule.error": "eine Regel ist fehlgeschlagen, und das lehnt ab",
}
"""Per code of the ethics rules its words in German."""

GERMAN_DETAILS: Mapping[str, str] = {
    "{n} in {span}": "{n} in {span}",
    "{from} to {until}": "{from} bis {until}",
    "1 month": "1 Monat",
    "1 day": "1 Tag",
    "1 hour": "1 Stunde",
    "1 minute": "1 Minute",
    "1 second": "1 Sekunde",
    "{n} months": "{n} Monaten",
    "{n} days": "{n} Tagen",
    "{n} hours": "{n} Stunden",
    "{n} minutes": "{n} Minuten",
    "{n} seconds": "{n} Sekunden",
    "{n} month and {rest}": "{n} Monat und {rest}",
    "{n} months and {rest}": "{n} Monaten und {rest}",
    "{n} day and {rest}": "{n} Tag und {rest}",
    "{n} days and {rest}": "{n} Tagen und {rest}",
    "{n} hour and {rest}": "{n} Stunde und {rest}",
    "{n} hours and {rest}": "{n} Stunden und {rest}",
    "fewer than {n}": "weniger als {n}",
    "{rule} raised {error}": "{rule} meldete {error}",
    "{rule} answered with {type}": "{rule} antwortete mit {type}",
    "deadline": "Frist",
    "scarcity": "Knappheit",
    "streak": "Serie",
    "no deadline=Deadline(...)": "kein deadline=Deadline(...)",
    "no scarcity=Scarcity(...)": "kein scarcity=Scarcity(...)",
    "the offer ends at another time": "das Angebot endet zu einer anderen Zeit",
    "it has been put off before": "sie wurde schon verschoben",
    "everybody has another one": "jede Person hat eine andere",
    "it is over": "sie ist vorbei",
    "the same offer ended a moment ago, and is back": "dasselbe Angebot endete eben und ist wieder da",
    "the stock is another": "der Bestand ist ein anderer",
    "the stock was counted too long ago": "der Bestand wurde vor zu langer Zeit gezählt",
    "the stock is said to be counted later than now": "der Bestand soll später als jetzt gezählt worden sein",
    "nobody has screened it for harm": "niemand hat geprüft, ob er schadet",
    "nothing says when to stop it": "nichts sagt, wann er beendet wird",
    "it reads emotions": "er liest Gefühle",
    "there is no way to say no": "es gibt keinen Weg, Nein zu sagen",
    "a no takes more steps": "ein Nein braucht mehr Schritte",
    "the no is on another page": "das Nein steht auf einer anderen Seite",
    "the yes looks heavier": "das Ja fällt stärker auf",
    "the yes is chosen already": "das Ja ist schon ausgewählt",
    "it takes more steps": "es braucht mehr Schritte",
    "it needs a login": "es braucht eine Anmeldung",
    "it costs something": "es kostet etwas",
    "the no shames": "das Nein beschämt",
    "a double negative": "eine doppelte Verneinung",
    "the offer names no topic": "das Angebot nennt kein Thema",
    "never": "nie",
    "credit": "Kredit",
    "gambling": "Glücksspiel",
    "alcohol": "Alkohol",
    "diet": "Diät",
}
"""Per English detail its words in German."""


def catalogue(locale: str | Catalogue) -> Catalogue:
    """Return the words for *locale* of everything that ``choose`` and ``may_ask`` say."""
    return _CATALOGUES[lawful.catalogue(locale).language] if isinstance(locale, str) else locale


_CATALOGUES = {
    "en": lawful.ENGLISH.with_reasons({code: reason(code).text for code in sorted(CODES)}),
    "de": lawful.GERMAN.with_reasons(GERMAN_REASONS, GERMAN_DETAILS),
}


def worded(reasons: Iterable[Reason], locale: str | Catalogue = "en") -> tuple[Because, ...]:
    """Return *reasons*, such as those of a choice, in the words of *locale*, without their facts."""
    words = catalogue(locale)
    return tuple(because(each, words) for each in reasons)


__all__ = ["catalogue", "worded"]
