"""The sentences of "why do I see this", per language; ``{...}`` is filled in once."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ENGLISH: Mapping[str, str] = {
    "see": "You see {offer} on {channel} because of this purpose: {purpose}.",
    "since": "{rests} on {day}",
    "level.individual": "It was chosen for you, from what we know of you",
    "level.segment": "It was chosen for a group of customers that you belong to",
    "level.contextual": "It was chosen without looking at your data",
    "rests.consent": "You agreed to this",
    "rests.contract": "A contract with you needs it",
    "rests.legal_obligation": "A law obliges us to it",
    "rests.legitimate_interest": "We have weighed our interest against yours, and you have not objected",
    "rests.soft_opt_in": "You bought from us or asked us for something, and have not said no",
    "rests.opt_out": "The law where you live allows it until you say no, and you have not",
    "rests.public_task": "It is a task in the public interest, and you have not objected",
    "rests.vital_interest": "It protects somebody's life",
    "only": "{field} (only as {precision})",
    "source": "Some of what we know of you came not from you, but from: {source}.",
    "profiling": "That looks at how you behave: it is profiling.",
    "no_more": "No more of your data was used, because:",
    "stop.consent": "To stop it, withdraw your consent, at any time and as easily as you gave it",
    "stop.no": "To stop it, say no to this purpose, at any time and without a reason",
    "stop.write": "{how}, or write to {contact}.",
    "nothing": "Nothing was chosen on {channel}.",
    "none_proposed": "No offer was proposed.",
    "withheld": "{offer} was withheld:",
    "again": "From {when} UTC on no limit of time stands in the way.",
}
GERMAN: Mapping[str, str] = {
    "see": "Sie sehen {offer} über {channel} wegen dieses Zwecks: {purpose}.",
    "since": "{rests} (am {day})",
    "level.individual": "Es wurde für Sie ausgewählt, nach dem, was wir über Sie wissen",
    "level.segment": "Es wurde für eine Gruppe ausgewählt, zu der Sie gehören",
    "level.contextual": "Es wurde ausgewählt, ohne Ihre Daten anzusehen",
    "rests.consent": "Sie haben darin eingewilligt",
    "rests.contract": "Ein Vertrag mit Ihnen braucht es",
    "rests.legal_obligation": "Ein Gesetz verpflichtet uns dazu",
    "rests.legitimate_interest": "Wir haben unser Interesse gegen Ihres abgewogen, und Sie haben nicht "
    "widersprochen",
    "rests.soft_opt_in": "Sie haben bei uns gekauft oder angefragt und haben nicht Nein gesagt",
    "rests.opt_out": "Das Recht an Ihrem Wohnort erlaubt es, bis Sie widersprechen, und das haben Sie nicht",
    "rests.public_task": "Es ist eine Aufgabe im öffentlichen Interesse, und Sie haben nicht widersprochen",
    "rests.vital_interest": "Es schützt das Leben eines Menschen",
    "only": "{field} (nur als {precision})",
    "source": "Manches, was wir über Sie wissen, stammt nicht von Ihnen, sondern von: {source}.",
    "profiling": "Dabei wird Ihr Verhalten betrachtet: das ist Profiling.",
    "no_more": "Mehr von Ihren Daten wurde nicht genutzt, denn:",
    "stop.consent": "Um es zu beenden, widerrufen Sie Ihre Einwilligung, jederzeit und so einfach, wie Sie "
    "sie erteilt haben",
    "stop.no": "Um es zu beenden, sagen Sie Nein zu diesem Zweck, jederzeit und ohne einen Grund zu nennen",
    "stop.write": "{how}, oder schreiben Sie an {contact}.",
    "nothing": "Über {channel} wurde nichts ausgewählt.",
    "none_proposed": "Es wurde kein Angebot vorgeschlagen.",
    "withheld": "{offer} wurde zurückgehalten:",
    "again": "Ab {when} UTC steht keine zeitliche Grenze mehr im Weg.",
}
SENTENCES: Mapping[str, Mapping[str, str]] = {"en": ENGLISH, "de": GERMAN}
"""Per language; another one reads English."""
