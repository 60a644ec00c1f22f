"""The closed vocabularies of a policy: categories, processing, channels.

The data categories are keys of Fideslang (https://github.com/ethyca/fideslang, CC BY 4.0),
those of version 3.1 and those that 3.2 renamed them to. Only the keys are used.
"""

from __future__ import annotations

from ..regimes import Row

TYPES = ("text", "integer", "number", "boolean", "date", "datetime", "map", "list")
"""What a field may hold."""

NORMALISERS = ("email", "phone", "plain")
"""How a value is normalised before it becomes a look-up token."""

AUDIENCES = ("adults", "general", "children")
"""Whom the controller addresses: what an unknown age means."""

STARTS = ("collected", "contract_end", "withdrawal", "year_end")
"""The facts that a retention may run from."""

_BY_FACTS = (Row.SENSITIVE, Row.CHILDREN)
PROCESSING = (
    "direct_marketing",
    *(row.value for row in Row if row not in _BY_FACTS and not row.value.endswith("_marketing")),
)
"""What a purpose may do: rows of the regime packs.

A channel picks the row of direct marketing; special categories and children's data are rows
that facts pick.
"""

ROWS = {
    "email": Row.EMAIL_MARKETING.value,
    "sms": Row.SMS_MARKETING.value,
    "phone": Row.PHONE_MARKETING.value,
    "post": Row.POSTAL_MARKETING.value,
    "push": Row.PUSH_MARKETING.value,
    "app": Row.PUSH_MARKETING.value,
    "inbox": Row.INBOX_MARKETING.value,
    "web": Row.WEB_MARKETING.value,
}
"""Per kind of channel the row of the regime packs that governs direct marketing on it."""

ADDRESSED = frozenset(ROWS[kind] for kind in ("email", "sms", "phone", "post"))
"""Rows of the kinds of channel that reach somebody at an address."""

IDENTIFYING = (
    *("user.contact", "user.name", "user.unique_id", "user.government_id", "user.biometric"),
    *("user.authorization", "user.account.username", "user.payment", "user.location.precise"),
)
"""Categories (and all below them) of what tells who somebody is; a visitor has none of it."""

_TREE = """
system: authentication operations
user: account authorization behavior biometric biometrics childrens children contact content
    demographic location device payment social social_activity settings unique_id telemetry
    user_sensor sensor financial government_id health_and_medical health name criminal_history
    privacy_preferences job_title workplace professional_information
user.account: settings username
user.authorization: credentials biometric biometrics password
user.behavior: browsing_history media_consumption purchase_history search_history
user.biometric: fingerprint retinal voice health
user.biometrics: fingerprint retinal voice
user.children: children_under_thirteen thirteen_to_sixteen
user.contact: address email phone_number url social_url fax_number organization
user.contact.address: city country postal_code state street mailing_address
user.content: private public self_image
user.demographic: age_range date_of_birth gender language marital_status political_opinion
    profile race_ethnicity religious_belief sexual_orientation philosophical_belief
    citizenship_or_immigration_status protected_classifications union_membership
user.device: cookie cookie_id device_id ip_address sensor telemetry
user.financial: bank_account credit_card
user.government_id: birth_certificate drivers_license_number immigration
    national_identification_number passport_number vehicle_registration
user.health: genetic insurance_beneficiary_id record_id baby_formula condition
    maternity_clothing medical_diagnosis medications prescriptions reproductive_or_sexual
    social_psychological_behavioral symptons treatment
user.health_and_medical: genetic insurance_beneficiary_id record_id
user.location: imprecise coarse precise
user.name: first last
user.professional_information: job_title workplace
user.unique_id: pseudonymous deterministic probablistic
"""


def _categories() -> frozenset[str]:
    found = set()
    for line in _TREE.replace("\n    ", " ").strip().splitlines():
        parent, _, children = line.partition(": ")
        found.add(parent)
        found.update(f"{parent}.{child}" for child in children.split())
    return frozenset(found)


CATEGORIES = _categories()
"""Every data category that a field may have."""

SPECIAL = {
    "user.health": "health",
    "user.health.genetic": "genetic data",
    "user.health_and_medical": "health",
    "user.health_and_medical.genetic": "genetic data",
    "user.biometric": "biometric data",
    "user.biometrics": "biometric data",
    "user.authorization.biometric": "biometric data",
    "user.authorization.biometrics": "biometric data",
    "user.demographic.race_ethnicity": "racial or ethnic origin",
    "user.demographic.political_opinion": "political opinions",
    "user.demographic.religious_belief": "religious or philosophical beliefs",
    "user.demographic.philosophical_belief": "religious or philosophical beliefs",
    "user.demographic.union_membership": "trade union membership",
    "user.demographic.sexual_orientation": "sex life or sexual orientation",
    "user.demographic.protected_classifications": "several of the special categories at once",
}
"""The special categories by category, descendants included, with the words of Art. 9(1) GDPR.

Biometric data is special there only for identifying somebody; it counts always here, because
a policy cannot show that nobody is identified. Data of children is not special by Art. 9.
"""


def special(category: str) -> bool:
    """Say whether *category*, or one above it, is special (Art. 9(1) GDPR)."""
    return any(category == root or category.startswith(root + ".") for root in SPECIAL)
