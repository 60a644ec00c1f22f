"""The closed vocabularies of the packs."""

from __future__ import annotations

from enum import IntEnum, StrEnum


class Posture(IntEnum):
    """What a regime asks of a kind of processing, the laxest first: the greater is the more protective."""

    ALLOWED = 0
    """Any claim that holds carries it."""
    OPT_OUT = 1
    """Any claim that holds, as long as the data subject has not said no."""
    OPT_IN = 2
    """Consent, or an exception that the row names."""
    EXPLICIT_OPT_IN = 3
    """Explicit consent, or an exception that the row names."""
    PROHIBITED = 4
    """Only an exception that the row names."""


class Claim(StrEnum):
    """What a controller may invoke where a regime asks for more than a legal basis of any kind."""

    CONSENT = "consent"
    EXPLICIT_CONSENT = "explicit_consent"
    SOFT_OPT_IN = "soft_opt_in"
    CHARITY_SOFT_OPT_IN = "charity_soft_opt_in"
    """Soft opt-in by an address that a supporter gave to a charity, not by a sale."""
    CONTRACT = "contract"
    LEGAL_OBLIGATION = "legal_obligation"
    VITAL_INTEREST = "vital_interest"
    GUARDIAN_CONSENT = "guardian_consent"


class Row(StrEnum):
    """The kinds of processing on which a regime may have an opinion; a purpose declares some of them."""

    ESSENTIAL = "essential"
    STORAGE = "storage"
    ANALYTICS = "analytics"
    PERSONALIZATION = "personalization"
    PERSONALISED_PRICE = "personalised_price"
    EMAIL_MARKETING = "email_marketing"
    SMS_MARKETING = "sms_marketing"
    PHONE_MARKETING = "phone_marketing"
    PUSH_MARKETING = "push_marketing"
    INBOX_MARKETING = "inbox_marketing"
    POSTAL_MARKETING = "postal_marketing"
    WEB_MARKETING = "web_marketing"
    TARGETED_ADS = "targeted_ads"
    SALE_SHARING = "sale_sharing"
    SENSITIVE = "sensitive"
    AUTOMATED_DECISION = "automated_decision"
    CHILDREN = "children"
    FINANCIAL_INCENTIVE = "financial_incentive"


class Condition(StrEnum):
    """When a rule speaks: a fact that a decision can evaluate."""

    DEVICE = "device"
    """The purpose stores on, or reads from, the data subject's device."""
    SPECIAL_CATEGORY = "special_category"
    """The purpose uses a special category of data (Art. 9 GDPR)."""
    PRECISE_LOCATION = "precise_location"
    """The purpose uses precise locations."""
    NO_CHARITY = "no_charity"
    """The controller is no charity, or has not said that it is one."""
    CONSUMER = "consumer"
    """The data subject is a consumer, or nobody has said otherwise."""
    FOOD_RETAILER = "food_retailer"
    """The controller sells food in large shops or delivers it, or has not said otherwise."""
    HARMFUL_MANIPULATION = "harmful_manipulation"
    """A host has said of an offer that it manipulates, or exploits a weakness, so that harm is likely."""
    AGE_KNOWN = "age_known"
    """The age is known, or the service is meant for children: it is not assumed from the audience."""


class Test(StrEnum):
    """Whom a whole pack binds: a fact about controller and data subject, with the limits of its scope."""

    __test__ = False  # no test case, whatever its name looks like to a test runner

    STATE_ACT = "state_act"
    """A consumer privacy act of a US state, with its limits."""
    CCPA_BUSINESS = "ccpa_business"
    """A business in the sense of the CCPA."""
    ONLINE_PLATFORM = "online_platform"
    """An online platform above micro and small enterprises (DSA)."""
    TRADER = "trader"
    """Whoever deals with consumers."""


class Duty(StrEnum):
    """What goes with the processing when it is permitted."""

    UNSUBSCRIBE = "unsubscribe"
    SENDER_IDENTITY = "sender_identity"
    POSTAL_ADDRESS = "postal_address"
    CALL_LIST_SCREENING = "call_list_screening"
    PRICE_DISCLOSURE = "price_disclosure"
    HUMAN_REVIEW = "human_review"
    PRE_USE_NOTICE = "pre_use_notice"
    OPT_OUT_LINK = "opt_out_link"
    CONFIRM_CONSENT = "confirm_consent"
    AD_TRANSPARENCY = "ad_transparency"
    RECOMMENDER_PARAMETERS = "recommender_parameters"


class Relation(StrEnum):
    """What makes somebody a customer whom a law lets be addressed without a consent."""

    SALE = "sale"
    """They bought, or a contract that they made then has ended."""
    LASTING = "lasting"
    """A contract that lasts until it is closed is open: a subscription, a membership."""
    INQUIRY = "inquiry"
    """They asked, or applied."""


class Kind(StrEnum):
    """Who says so: the law in force, a regulator's guidance, or the house (a protective choice of ours)."""

    LAW = "law"
    GUIDANCE = "guidance"
    HOUSE = "house"


class Review(StrEnum):
    """How far somebody has checked a pack, or one of its cells."""

    COUNSEL = "counsel"
    """A lawyer has: where the law is unsettled, the posture is that lawyer's reading."""
    REVIEWED = "reviewed"
    """Compared cell by cell with the research, each rule with a test. Unsettled law is read protectively."""
    UNREVIEWED = "unreviewed"
    """Nobody has: whatever is not known with high confidence is read protectively too."""


class Confidence(StrEnum):
    """How sure the source of a fact is."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
