"""Relations that the law counts in the place of consent, on both sides of their end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from clm_ethics.errors import PolicyError
from clm_ethics.model import Enrolled, Recorded, fold
from clm_ethics.policy import Policy, Request, decide
from tests.policy.people import DOCUMENT, put, shop, withdrawn

if TYPE_CHECKING:
    from clm_ethics.model import Event
    from clm_ethics.policy import Decision

BOUGHT = datetime(2026, 1, 31, 10, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def store(country: str, **more: Any) -> Policy:
    """Return a shop there: orders are sales, questions inquiries, and the club goes on until it is left."""
    plain = {"processing": ["essential"], "basis": "contract", "fields": ["email", "phone"]}
    return shop(
        controller__established=[country],
        controller__markets=[country],
        purposes__order__fields=["email", "phone", "address", "purchases"],
        purposes__question={**plain, "inquiry": True},
        purposes__club={**plain, "lasting": True},
        **more,
    )


STORES = {country: store(country) for country in ("CA", "KR", "JP", "AU", "ZA", "US", "DE")}


def opened(purpose: str, at: datetime = BOUGHT) -> Recorded:
    """Return that a contract of *purpose* was opened."""
    return Recorded(at=at, event="ordered", purpose=purpose, opened={purpose: b"k"})


def closed(purpose: str, at: datetime) -> Recorded:
    """Return that it was closed."""
    return Recorded(at=at, event="ordered", purpose=purpose, closed={purpose: (b"k",)})


def asked(region: str, *events: Event, at: datetime, channel: str = "email") -> Decision:
    """Decide on the newsletter for somebody there who has an open account, and then *events*."""
    account = Enrolled(
        at=BOUGHT - timedelta(days=900), purpose="account", opened={"account": b"a"}, about={"region": region}
    )
    return decide(STORES[region[:2]], fold([account, *events]), Request("newsletter", channel=channel), at)


ENDS: list[tuple[str, str, tuple[Event, ...], str, datetime]] = [
    ("a purchase counts for two years (S.C. 2010 c. 23 s. 10(10)(a))",
     "CA-ON", (opened("order"),), "email", datetime(2028, 1, 31, 10, tzinfo=UTC)),
    ("so it does for a text message",
     "CA-BC", (opened("order"),), "sms", datetime(2028, 1, 31, 10, tzinfo=UTC)),
    ("the end of the contract counts where it is later",
     "CA-ON", (opened("order"), closed("order", datetime(2026, 3, 1, tzinfo=UTC))), "email",
     datetime(2028, 3, 1, tzinfo=UTC)),
    ("a second purchase begins the time anew",
     "CA-ON", (opened("order"), opened("order", datetime(2027, 5, 5, tzinfo=UTC))), "email",
     datetime(2029, 5, 5, tzinfo=UTC)),
    ("an inquiry counts for six months (s. 10(10)(e))",
     "CA-ON", (opened("question"),), "email", datetime(2026, 7, 31, 10, tzinfo=UTC)),
    ("without a contract, what was collected under the inquiry dates it",
     "CA-ON", (put("question", "email", at=BOUGHT),), "email", datetime(2026, 7, 31, 10, tzinfo=UTC)),
    ("a membership counts for two years after its end (s. 10(10)(d))",
     "CA-ON", (opened("club"), closed("club", datetime(2026, 6, 30, tzinfo=UTC))), "email",
     datetime(2028, 6, 30, tzinfo=UTC)),
    ("of two relations the longer one counts",
     "CA-ON", (opened("order"), opened("question", datetime(2026, 2, 1, tzinfo=UTC))), "email",
     datetime(2028, 1, 31, 10, tzinfo=UTC)),
    ("in Korea an address from a sale counts for six months (Decree Art. 61(1))",
     "KR", (put("order", "email", at=BOUGHT), opened("order")), "email",
     datetime(2026, 7, 31, 10, tzinfo=UTC)),
]  # fmt: skip


@pytest.mark.parametrize(("_why", "region", "events", "channel", "end"), ENDS, ids=[each[0] for each in ENDS])
def test_a_relation_counts_until_its_end(_why, region, events, channel, end):
    """A second before the end it is allowed until then, and at the end denied."""
    last = asked(region, *events, at=end - SECOND, channel=channel)
    assert ("soft_opt_in", end) == (last.basis, last.valid_until)
    assert last.codes[0] == "soft_opt_in.related"
    assert not asked(region, *events, at=end, channel=channel)


FOREVER: list[tuple[str, str, tuple[Event, ...], bool]] = [
    ("a membership that is open counts on (s. 10(10)(d))", "CA-ON", (opened("club"),), True),
    ("who was told at the sale counts on in South Africa (POPIA s. 69(3))",
     "ZA", (put("order", "email", at=BOUGHT, told=("newsletter",)),), True),
    ("who was not told does not", "ZA", (put("order", "email", at=BOUGHT), opened("order")), False),
    ("in Japan a customer counts, told or not (Mail Act Art. 3(1)(iii))", "JP", (opened("order"),), True),
    ("a stranger does not", "JP", (), False),
    ("an inquiry makes no customer in Japan", "JP", (opened("question"),), False),
    ("in Australia a membership counts (Spam Act Sch. 2 cl. 2)", "AU", (opened("club"),), True),
    ("one that is over does not",
     "AU", (opened("club"), closed("club", datetime(2026, 2, 2, tzinfo=UTC))), False),
    ("nor a purchase alone", "AU", (put("order", "email", at=BOUGHT), opened("order")), False),
    ("but who was told at it", "AU", (put("order", "email", at=BOUGHT, told=("newsletter",)),), True),
    ("in Germany no relation does without a notice (Art. 13(2) ePrivacy Directive)",
     "DE", (put("order", "email", at=BOUGHT), opened("order"), opened("club")), False),
    ("an address that came otherwise is none from the sale in Korea",
     "KR", (put("account", "email", at=BOUGHT), opened("order")), False),
    ("an open account alone is no relation of business", "CA-ON", (), False),
]  # fmt: skip


@pytest.mark.parametrize(("_why", "region", "events", "expected"), FOREVER, ids=[each[0] for each in FOREVER])
def test_what_is_a_relation_in_which_law(_why, region, events, expected):
    """Ninety days later it carries the newsletter, or does not."""
    assert expected is bool(asked(region, *events, at=BOUGHT + timedelta(days=90)))


def test_a_no_ends_a_relation_too():
    """Who unsubscribed gets nothing more, purchase or not (S.C. 2010 c. 23 s. 11(3))."""
    no = withdrawn("newsletter", at=BOUGHT + timedelta(days=1))
    answer = asked("CA-ON", opened("order"), no, at=BOUGHT + timedelta(days=2))
    assert ("consent.withdrawn",) == answer.codes


def test_the_answer_cites_the_law_that_counts():
    """The reason names the pack and its article, for a yes and for a no."""
    later = BOUGHT + timedelta(days=1)
    yes = asked("CA-ON", opened("order"), at=later).reasons[0]
    assert ("ca-casl", "S.C. 2010 c. 23 s. 10(9)(a), (10)") == (yes.pack, yes.cite)
    alone = store("CA", purposes__newsletter__basis="soft_opt_in")
    account = Enrolled(at=BOUGHT, purpose="account", about={"region": "CA-ON"})
    no = decide(alone, fold([account]), Request("newsletter", channel="email"), later).reasons[0]
    assert ("soft_opt_in.unrelated", "ca-casl") == (no.code, no.pack)


def test_what_happened_earlier_and_is_told_late_counts_from_when_it_happened():
    """A purchase that a shop tells a month late is a month old."""
    late = Recorded(at=BOUGHT + timedelta(days=30), happened=BOUGHT, event="ordered", opened={"order": b"k"})
    end = datetime(2028, 1, 31, 10, tzinfo=UTC)
    assert end == asked("CA-ON", late, at=end - SECOND).valid_until


def test_two_laws_each_ask_their_own_question():
    """A shop in Germany may write to its Canadian customer only where both laws see a relation."""
    both = store("DE")
    account = Enrolled(at=BOUGHT, purpose="account", about={"region": "CA-ON"})
    told = put("order", "email", at=BOUGHT, told=("newsletter",))
    request, soon = Request("newsletter", channel="email"), BOUGHT + timedelta(days=1)
    assert not decide(both, fold([account, opened("order")]), request, soon)
    assert decide(both, fold([account, told]), request, soon)
    assert not decide(both, fold([account, told]), request, datetime(2028, 2, 1, tzinfo=UTC))


def test_only_a_contract_lasts():
    """A purpose without a contract cannot be marked as lasting."""
    assert not DOCUMENT["purposes"]["advice"].get("lasting")
    with pytest.raises(PolicyError, match="nothing lasts without a contract"):
        shop(purposes__advice__lasting=True)


def test_korea_has_consents_confirmed():
    """With each yes to advertising comes the duty to have it confirmed (Network Act Art. 50(8))."""
    answer = asked("KR", put("order", "email", at=BOUGHT), opened("order"), at=BOUGHT + timedelta(days=1))
    assert "have a consent confirmed every two years" in answer.obligations
