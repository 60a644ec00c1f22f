"""The policy's words in the Data Privacy Vocabulary (W3C community group), for exports.

Terms are written with their prefix (``dpv:`` or ``pd:``); :func:`iri` gives the address. They are
those of version 2.0 and later. Where the vocabulary is finer or coarser, the term of the nearest
category above stands: less is said, never something else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .values import Basis
from .vocabulary import special

if TYPE_CHECKING:
    from .values import Declared, Purpose

VERSION = "2.0"
"""The version of the vocabulary whose terms these are."""
PREFIXES = {"dpv": "https://w3id.org/dpv#", "pd": "https://w3id.org/dpv/pd#"}
"""What the prefixes of the terms stand for."""
SPECIAL_TERM = "dpv:SpecialCategoryPersonalData"

_DATA = """
system dpv:Data
user dpv:PersonalData
user.account pd:Identifying
user.account.settings pd:Preference
user.account.username pd:Username
user.authorization pd:Authenticating
user.authorization.biometric pd:Biometric
user.authorization.biometrics pd:Biometric
user.authorization.password pd:Password
user.behavior pd:Behavioral
user.behavior.browsing_history pd:BrowserHistory
user.behavior.media_consumption pd:ServiceConsumptionBehavior
user.behavior.purchase_history pd:Purchase
user.behavior.search_history pd:BrowsingBehavior
user.biometric pd:Biometric
user.biometric.fingerprint pd:Fingerprint
user.biometric.health pd:Health
user.biometric.retinal pd:Retina
user.biometrics pd:Biometric
user.biometrics.fingerprint pd:Fingerprint
user.biometrics.retinal pd:Retina
user.contact pd:Contact
user.contact.address pd:PhysicalAddress
user.contact.address.city pd:City
user.contact.address.country pd:Country
user.contact.address.postal_code pd:PostalCode
user.contact.address.state pd:Region
user.contact.address.street pd:Street
user.contact.email pd:EmailAddress
user.contact.fax_number pd:TelephoneNumber
user.contact.organization pd:Professional
user.contact.phone_number pd:TelephoneNumber
user.contact.social_url pd:SocialMedia
user.content pd:Communication
user.content.public pd:PublicLife
user.content.self_image pd:Picture
user.criminal_history pd:Criminal
user.demographic pd:Demographic
user.demographic.age_range pd:AgeRange
user.demographic.citizenship_or_immigration_status pd:Citizenship
user.demographic.date_of_birth pd:BirthDate
user.demographic.gender pd:Gender
user.demographic.language pd:Language
user.demographic.marital_status pd:MaritalStatus
user.demographic.philosophical_belief pd:PhilosophicalBelief
user.demographic.political_opinion pd:PoliticalOpinion
user.demographic.profile pd:IndividualProfile
user.demographic.protected_classifications dpv:SpecialCategoryPersonalData
user.demographic.race_ethnicity pd:EthnicOrigin
user.demographic.religious_belief pd:ReligiousBelief
user.demographic.sexual_orientation pd:SexualPreference
user.demographic.union_membership pd:TradeUnionMembership
user.device pd:DeviceBased
user.device.cookie pd:Tracking
user.device.cookie_id pd:Identifier
user.device.device_id pd:Identifier
user.device.ip_address pd:IPAddress
user.financial pd:Financial
user.financial.bank_account pd:BankAccount
user.financial.credit_card pd:CreditCardNumber
user.government_id pd:OfficialID
user.government_id.passport_number pd:Passport
user.government_id.vehicle_registration pd:VehicalLicenseRegistration
user.health pd:MedicalHealth
user.health.condition pd:Health
user.health.genetic pd:Genetic
user.health.insurance_beneficiary_id pd:Insurance
user.health.medications pd:Prescription
user.health.prescriptions pd:Prescription
user.health.record_id pd:HealthRecord
user.health.reproductive_or_sexual pd:Sexual
user.health.social_psychological_behavioral pd:MentalHealth
user.health_and_medical pd:MedicalHealth
user.health_and_medical.genetic pd:Genetic
user.health_and_medical.insurance_beneficiary_id pd:Insurance
user.health_and_medical.record_id pd:HealthRecord
user.job_title pd:Job
user.location pd:Location
user.location.precise pd:GPSCoordinate
user.name pd:Name
user.payment pd:PaymentCard
user.privacy_preferences pd:PrivacyPreference
user.professional_information pd:Professional
user.professional_information.job_title pd:Job
user.professional_information.workplace pd:CurrentEmployment
user.sensor pd:DeviceBased
user.settings pd:Preference
user.social pd:SocialNetwork
user.social_activity pd:SocialMediaCommunication
user.telemetry pd:DeviceBased
user.unique_id pd:UID
user.user_sensor pd:DeviceBased
user.workplace pd:CurrentEmployment
"""
DATA: dict[str, str] = dict(line.split() for line in _DATA.strip().splitlines())
"""Data categories that have a term of their own; the others have that of the nearest one above."""

PURPOSES = {
    "direct_marketing": "dpv:DirectMarketing",
    "essential": "dpv:RequestedServiceProvision",
    "storage": "dpv:RecordManagement",
    "analytics": "dpv:ServiceUsageAnalytics",
    "personalization": "dpv:ServicePersonalisation",
    "personalised_price": "dpv:Personalisation",
    "targeted_ads": "dpv:TargetedAdvertising",
    "sale_sharing": "dpv:SellDataToThirdParties",
    "automated_decision": "dpv:ServiceProvision",
    "financial_incentive": "dpv:CustomerRelationshipManagement",
}
"""What the words of ``processing`` are done for."""
OBLIGED = "dpv:LegalCompliance"
"""What a purpose is for that a legal obligation alone carries."""
CONTEXTS = {"automated_decision": "dpv:AutomatedDecisionMaking"}
"""Words of ``processing`` that say how something is done."""

BASES = {
    Basis.CONSENT: "dpv:Consent",
    Basis.CONTRACT: "dpv:Contract",
    Basis.LEGAL_OBLIGATION: "dpv:LegalObligation",
    Basis.LEGITIMATE_INTEREST: "dpv:LegitimateInterest",
    # Art. 13(2) ePrivacy Directive frees from consent; the ground in the GDPR is Art. 6(1)(f) (recital 47).
    Basis.SOFT_OPT_IN: "dpv:LegitimateInterest",
    Basis.OPT_OUT: "dpv:LegalBasis",  # no law that is content with it asks for one
    Basis.PUBLIC_TASK: "dpv:PublicInterest",
    Basis.VITAL_INTEREST: "dpv:VitalInterest",
}
"""The legal bases."""


def iri(term: str) -> str:
    """Return the address of a prefixed *term*."""
    prefix, _, name = term.partition(":")
    return PREFIXES[prefix] + name


def data_terms(category: str) -> tuple[str, ...]:
    """Return the terms of a data category: its own or the nearest above, and whether it is special."""
    here = category
    while here not in DATA and "." in here:
        here = here.rpartition(".")[0]
    own = DATA.get(here, DATA["user"])
    return tuple(dict.fromkeys((own, SPECIAL_TERM))) if special(category) else (own,)


def purpose_terms(purpose: Purpose) -> tuple[str, ...]:
    """Return what *purpose* is for."""
    if purpose.all_bases == {Basis.LEGAL_OBLIGATION}:
        return (OBLIGED,)
    return tuple(dict.fromkeys(PURPOSES[word] for word in purpose.processing))


def basis_terms(purpose: Purpose) -> tuple[str, ...]:
    """Return the legal bases that *purpose* claims, under whichever law."""
    listed = (*purpose.basis, *(basis for bases in purpose.basis_under.values() for basis in bases))
    return tuple(dict.fromkeys(BASES[basis] for basis in listed))


def process(declared: Declared, purpose: Purpose) -> dict[str, object]:
    """Return *purpose* as a ``dpv:Process`` in JSON-LD, without its context (see :data:`PREFIXES`)."""
    data = [
        term
        for name in purpose.fields
        for term in (
            data_terms(declared.fields[name].category) if name in declared.fields else _BUILT_IN.get(name, ())
        )
    ]
    fields = [declared.fields[name] for name in purpose.fields if name in declared.fields]
    by_descent = any(field.special for field in fields)
    found: dict[str, object] = {
        "@type": "dpv:Process",
        "dct:title": dict(purpose.title),
        "dpv:hasPurpose": _nodes(purpose_terms(purpose)),
        "dpv:hasLegalBasis": _nodes(basis_terms(purpose)),
        "dpv:hasPersonalData": _nodes((*data, SPECIAL_TERM) if by_descent else data),
    }
    contexts = [CONTEXTS[word] for word in purpose.processing if word in CONTEXTS]
    if contexts:
        found["dpv:hasContext"] = _nodes(contexts)
    if purpose.shared_with:
        found["dpv:hasRecipient"] = list(purpose.shared_with)
    return found


_BUILT_IN = {
    "region": ("pd:Country",),
    "zone": ("pd:Location",),
    "locale": ("pd:Language",),
    "born": ("pd:BirthDate",),
    "kind": ("dpv:PersonalData",),
    "stage": ("dpv:PersonalData",),
}


def _nodes(terms: tuple[str, ...] | list[str]) -> list[dict[str, str]]:
    return [{"@id": term} for term in dict.fromkeys(terms)]
