"""What a host meets that embeds the library: errors as answers over HTTP, other processes, open forms."""

from __future__ import annotations

import asyncio
import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from clm_ethics import (
    AlreadyEnrolled,
    AsyncSteward,
    ClmError,
    Denied,
    NoticeOutdated,
    Offer,
    Policy,
    Steward,
    UnknownCustomer,
    UnknownName,
    UsageError,
    ValueRefused,
)
from clm_ethics.errors import Busy, SourceError, StorageUnavailable
from clm_ethics.regimes import load_packs
from tests.face.shop import POLICY, steward


@pytest.fixture
def shop():
    """A shop with one customer."""
    with steward() as opened:
        opened.enroll("c-1", {"email": "ana@example.org", "region": "DE"}, purpose="account", by="t")
        yield opened


@pytest.mark.parametrize(
    ("status", "error", "call"),
    [
        (404, UnknownCustomer, lambda shop: shop.customer("c-9").withdraw("newsletter", by="t")),
        (404, UnknownName, lambda shop: shop.notice("newsleter")),
        (409, AlreadyEnrolled, lambda shop: shop.enroll("c-1", {}, purpose="account", by="t")),
        (409, NoticeOutdated, lambda shop: shop.customer("c-1").grant("newsletter", shown="x", by="t")),
        (422, ValueRefused, lambda shop: shop.customer("c-1").correct({"email": 7}, by="t")),
        (403, Denied, lambda shop: shop.customer("c-1").may("newsletter").require()),
        (403, KeyError, lambda shop: shop.customer("c-1").read("account", by="t")["tastes"]),
        (500, UsageError, lambda shop: shop.customer("c-1").read("account")),
    ],
)
def test_an_error_says_which_status_fits_it(shop, status, error, call):
    """Who asks for what is not there, not theirs or not valid gets a 4xx; a wrong call is a 500."""
    with pytest.raises(error) as caught:
        call(shop)

    assert status == caught.value.http_status


def test_what_may_work_later_is_503():
    """A client that meets a storage that is away or busy may try again."""
    assert {503} == {each.http_status for each in (Busy, StorageUnavailable, SourceError)}
    assert 500 == ClmError.http_status


def test_a_form_that_was_open_while_the_policy_changed_is_told_apart(shop):
    """The id of a notice of the policy before is no wrong call: the notice is to be shown again."""
    document = POLICY.document
    document["purposes"]["newsletter"]["title"]["en"] = "Send you our news"
    with Steward.memory(Policy.of(document)) as before:
        old = before.notice("newsletter").id

    with pytest.raises(NoticeOutdated, match=r"render steward\.notice\(\.\.\.\) again"):
        shop.customer("c-1").grant("newsletter", shown=old, by="t")
    assert not shop.customer("c-1").may("newsletter")


def test_a_policy_travels_to_another_process():
    """It arrives equal, with the law by which it is judged, also when that is not the library's own."""
    few = Policy(POLICY.declared, dict(list(load_packs().items())[:3]))

    for policy in (POLICY, few):
        there = pickle.loads(pickle.dumps(policy))
        assert policy == there
        assert policy.document == there.document
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        assert POLICY == pool.submit(pickle.loads, pickle.dumps(POLICY)).result()


@pytest.mark.parametrize("what", ["steward", "customer", "choice", "async steward"])
def test_what_belongs_to_a_process_says_so_when_it_is_sent_away(shop, what):
    """Keys, connections and handles stay; the error says what travels instead."""
    ana = shop.customer("c-1")
    things = {
        "steward": lambda: shop,
        "customer": lambda: ana,
        "choice": lambda: ana.choose([Offer("tea", purpose="newsletter")], channel="email", by="t"),
        "async steward": lambda: AsyncSteward.memory(POLICY),
    }
    thing = things[what]()

    with pytest.raises(UsageError, match=r"cannot be pickled; (open one|send the reference|choose in)"):
        pickle.dumps(thing)
    if isinstance(thing, AsyncSteward):
        asyncio.run(thing.close())


def test_why_nothing_was_chosen_is_a_list_in_a_list(shop):
    """Each offer is an item, and its reasons are a list in it."""
    offers = [Offer("<tea>", purpose="newsletter"), Offer("cup", purpose="newsletter")]
    page = shop.customer("c-1").choose(offers, channel="email", by="t").explain(html=True)

    assert page.startswith("<p>Nothing was chosen on email.</p>\n<ul><li>&lt;tea&gt; was withheld:<ul><li>")
    assert "</li></ul></li><li>cup was withheld:<ul><li>" in page
    assert page.endswith("</li></ul></li></ul>")
