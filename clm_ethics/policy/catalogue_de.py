"""The words of a decision's explanation in German, with the terms of the German text of the GDPR."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

REASONS: Mapping[str, str] = {
    "customer.unknown": "niemand hat diese Person aufgenommen",
    "customer.erased": "die Person wurde gelöscht",
    "customer.restored": "unbekannt: wiederhergestellt von vor einem Widerruf, also ist das Gespeicherte "
    "älter "
    "als das, was die Person gesagt hat",
    "visitor.identity": "ein anonymer Besuch hat keinen Wert, der verrät, wer es ist: erst identifizieren",
    "actor.not_listed": "die Regeln nennen für diesen Zweck andere Handelnde",
    "channel.not_listed": "der Zweck nutzt diesen Kanal nicht",
    "policy.gap": "kein anwendbares Recht hat eine Regel für diese Verarbeitung",
    "restriction": "die Verarbeitung ist eingeschränkt",
    "consent.refused": "die Person hat abgelehnt",
    "consent.withdrawn": "die Person hat ihre Einwilligung widerrufen",
    "consent.missing": "die Person wurde nicht gefragt oder hat nicht geantwortet",
    "consent.unproven": "niemand kann nachweisen, worin die Person eingewilligt hat",
    "consent.other_clause": "der Zweck hat sich seit der Einwilligung geändert, über das Vereinbarte hinaus",
    "consent.expired": "die Einwilligung ist abgelaufen",
    "consent.other_channel": "die Person hat in andere Kanäle eingewilligt",
    "consent.not_explicit": "die Einwilligung ist hierfür nicht ausdrücklich",
    "consent.not_theirs": "wer volljährig ist, willigt selbst ein; das Ja eines anderen ist nicht das eigene",
    "consent.guardian_needed": "ein Kind dieses Alters kann nicht allein einwilligen; die "
    "Sorgeberechtigten können es",
    "consent.given": "die Person hat eingewilligt",
    "contract.absent": "kein Vertrag ist offen, der es braucht",
    "contract.live": "ein offener Vertrag braucht es",
    "contract.step": "es ist ein vorvertraglicher Schritt auf Anfrage der Person",
    "legal_obligation": "ein Gesetz verpflichtet den Verantwortlichen",
    "legitimate_interest.assessed": "eine festgehaltene Abwägung ergab ein berechtigtes Interesse, und die "
    "Person hat nicht widersprochen",
    "legitimate_interest.public_body": (
        "eine öffentliche Stelle hat für ihre Aufgaben kein berechtigtes Interesse"
    ),
    "legitimate_interest.unassessed": "keine Interessenabwägung ist festgehalten",
    "objection": "die Person hat widersprochen",
    "objection.direct_marketing": "die Person hat der Direktwerbung widersprochen",
    "soft_opt_in.met": "die Adresse stammt aus einem Kauf, mit einem Hinweis auf diesen Zweck und "
    "darauf, wie "
    "man ihn beendet",
    "soft_opt_in.unmet": "die Adresse stammt nicht aus einem Kauf mit einem Hinweis auf diesen Zweck und "
    "darauf, wie man ihn beendet",
    "soft_opt_in.related": "das Recht lässt die Beziehung zur Person anstelle einer Einwilligung gelten",
    "soft_opt_in.unrelated": "es besteht keine Beziehung zur Person, oder keine mehr, die das Recht anstelle "
    "einer Einwilligung gelten lässt",
    "opt_out.open": "die Person hat nicht widersprochen",
    "vital_interest": "es schützt das Leben eines Menschen",
    "public_task": "es ist eine Aufgabe im öffentlichen Interesse, und die Person hat nicht widersprochen",
    "signal": "der Browser oder das Gerät der Person sendet ein Widerspruchssignal",
    "muted": "die Person wird eine Zeit lang in Ruhe gelassen",
    "inactive.sealed": "von der Person war lange nichts zu hören, und ihre Daten sind unter Verschluss, bis "
    "sie zurückkommt",
    "preference.channel": "die Person möchte auf anderen Kanälen angesprochen werden",
    "stage.not_listed": "der Zweck gilt nicht für die Phase der Person",
    "field.unlisted": "der Zweck führt das Feld nicht auf",
    "field.absent": "nichts wurde erhoben",
    "field.special": "es ist eine besondere Kategorie, und es gibt dafür keine ausdrückliche Einwilligung",
    "field.other_purpose": "es wurde für andere Zwecke erhoben",
    "field.expired": "die Aufbewahrung für diesen Zweck ist vorbei",
    "field.erased": "es wurde gelöscht",
    "source.absent": "die Quelle, die es hält, wurde nicht angegeben",
    "law.prohibited": "das Recht verbietet es ({detail})",
    "law.explicit_consent_required": "das Recht verlangt eine ausdrückliche Einwilligung ({detail})",
    "law.consent_required": "das Recht verlangt eine Einwilligung, und der Zweck beruft sich auf eine andere "
    "Grundlage ({detail})",
    "assumed.region": "die Region ist unbekannt, also zählt der strengste der Märkte ({detail})",
    "assumed.age": "das Alter ist unbekannt; die Regeln richten sich an: {detail}",
    "assumed.law": "das Recht ist hier nicht geklärt, also gilt seine schützendere Lesart",
}
"""Per code its words; ``{detail}`` where the detail goes, otherwise it follows a colon."""

DETAILS: Mapping[str, str] = {
    "adults": "Erwachsene",
    "general": "alle, auch Jugendliche",
    "children": "Kinder",
    "the controller's own": "das Land des Verantwortlichen",
    "none": "keine",
    "{stage}, and it is for {stages}": "{stage}, und er gilt für {stages}",
    "what `{name}` is derived from": "das, woraus `{name}` errechnet wird",
    "enrolling anew takes their own wish, again=True": "erneut aufnehmen geht nur auf eigenen Wunsch, "
    "again=True",
    "essential": "notwendige Verarbeitung",
    "storage": "Speicherung",
    "analytics": "Statistik",
    "personalization": "Personalisierung",
    "personalised_price": "personalisierter Preis",
    "email_marketing": "Werbung per E-Mail",
    "sms_marketing": "Werbung per SMS",
    "phone_marketing": "Werbung per Telefon",
    "push_marketing": "Werbung per Push-Nachricht",
    "inbox_marketing": "Werbung im Posteingang",
    "postal_marketing": "Werbung per Post",
    "web_marketing": "Werbung auf Webseiten",
    "targeted_ads": "zielgerichtete Werbung",
    "sale_sharing": "Verkauf oder Weitergabe für Werbung",
    "sensitive": "besondere Kategorien",
    "automated_decision": "automatisierte Entscheidung",
    "financial_incentive": "finanzieller Anreiz",
}
"""Per English phrase, or template, its words."""

KINDS: Mapping[str, str] = {
    "law": "Gesetz",
    "regulator guidance": "Leitlinie einer Behörde",
    "house rule": "Hausregel",
    "policy": "Regeln des Verantwortlichen",
}
"""Per kind of rule its words."""

DUTIES: Mapping[str, str] = {
    "offer a way to unsubscribe in every message": "in jeder Nachricht einen Weg zum Abbestellen bieten",
    "say who sends it": "sagen, wer sie sendet",
    "give a postal address in every message": "in jeder Nachricht eine Postanschrift nennen",
    "screen the number against the do-not-call lists": "die Nummer mit den Sperrlisten für Anrufe abgleichen",
    "have a consent confirmed every two years": "eine Einwilligung alle zwei Jahre bestätigen lassen",
    "disclose that the price is personal": "offenlegen, dass der Preis personalisiert ist",
    "offer a human who looks at the decision again": "einen Menschen bieten, der die Entscheidung noch "
    "einmal ansieht",
    "tell the customer before the decision is made": "die Person unterrichten, bevor entschieden wird",
    "offer a link to opt out": "einen Link zum Widerspruch bieten",
    "mark it as advertising, and say on whose behalf and why it is shown": "es als Werbung kennzeichnen und "
    "sagen, in wessen Auftrag und warum sie gezeigt wird",
    "say in the terms what decides on recommendations, and how to change it": "in den Bedingungen sagen, was "
    "über Empfehlungen entscheidet und wie man es ändert",
}
"""Per English duty its words, after "Pflicht:"."""

CHANGES: Mapping[str, str] = {
    "consent": "die Person willigt ein",
    "consent.explicit": "die Person willigt ausdrücklich ein",
    "consent.guardian": "die Sorgeberechtigten willigen ein",
    "contract.open": "ein Vertrag dafür ist offen",
    "stage": "die Phase der Person ist {name}",
    "channel": "der Kanal ist {name}",
}
"""Per change of a remedy its words, after "erlaubt, wenn gilt:"."""

FACTS: Mapping[str, str] = {
    "consent": "das Ja aus Eintrag {entry}, gegeben {given}",
    "consent.none": "kein Eintrag sagt Ja oder Nein zu {purpose}",
    "consent.until": "es gilt bis {until}",
    "consent.by": "es wurde gegeben von: {by}",
    "no": "das Nein aus Eintrag {entry}, bekannt seit {at}",
    "objection": "der Widerspruch aus Eintrag {entry}, bekannt seit {at}",
    "restriction": "die Einschränkung aus Eintrag {entry}, seit {at}",
    "contract": "offene Verträge für {purpose}: {open}",
    "contract.ended": "der letzte Vertrag für {purpose} endete {at}",
    "mute": "in Ruhe gelassen bei {processing} bis {until}",
    "signal": "Signal {signal}, empfangen {at}",
    "stage": "Phase {stage}, seit {since}",
    "stage.due": "Phase {stage}, allein durch Zeit: kein Eintrag sagt es bisher",
    "erased": "gelöscht {at}",
    "length": "bekannte Einträge: {entries}",
    "collected": "{field}: Eintrag {entry}, erhoben {at} für {purpose}",
    "announced": "{field} wurde angekündigt für {purposes}",
    "kept": "{field} wird bis {until} für {purpose} aufbewahrt",
    "absent": "kein Eintrag hat {field}",
    "assessment": "die Abwägung, die die Regeln nennen: {assessment}",
    "law": "das Gesetz, das die Regeln nennen: {law}",
    "age.known": "ein Geburtsdatum ist bekannt",
    "age.unknown": "kein Geburtsdatum ist bekannt",
    "region.known": "eine Region ist bekannt",
    "region.unknown": "keine Region ist bekannt",
    "pack": "Paket {pack}, in der Fassung vom {day}",
    "clause": "der Zweck, wie ihn die Regeln {policy} fassen",
    "policy": "was die Regeln {policy} über {purpose} sagen",
}
"""Per fact its words; times are UTC."""

LINES: Mapping[str, str] = {
    "allow": "erlaubt",
    "deny": "abgelehnt",
    "gap": "abgelehnt (die Regeln lassen eine Lücke)",
    "because": "Grund: {what}",
    "see": "darf sehen: {what}",
    "withheld": "{field} zurückgehalten: {what}",
    "partly": "{field} teilweise zurückgehalten: {what}",
    "must": "Pflicht: {what}",
    "remedy": "erlaubt, wenn gilt: {what}",
    "until": "kann sich ändern am {what} UTC",
    "fact": "bekannt: {what}",
    "and": " und ",
    "h.because": "Gründe",
    "h.see": "Darf sehen",
    "h.withheld": "Zurückgehalten",
    "h.partly": "Teilweise zurückgehalten",
    "h.must": "Pflichten",
    "h.remedy": "Erlaubt, wenn gilt",
}
"""Everything around them."""
