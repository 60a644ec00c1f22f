"""find(): by what is stored now, for who may see it, and on the record."""

from __future__ import annotations

import pytest

from clm_ethics.errors import StorageUnavailable, UnknownName, UsageError
from clm_ethics.storage.memory import MemoryStorage
from clm_ethics.testing import Fault, HostileStorage
from clm_ethics.testing.tamper import Tamper
from tests.ledger_whole.shop import Shop


def refs(shop, value, *, field="email", purpose="account"):
    """Return whom a value finds."""
    return [each.ref for each in shop.steward.find(field, value, purpose=purpose)]


def entries(shop):
    """Return how many entries the streams of customers have together."""
    tamper = Tamper(shop.data)
    return sum(tamper.read(stream).head.length for stream in tamper.customers())


def test_a_shared_address_finds_everybody_who_has_it():
    """Two people of one household are both found, in the order of their references; a third is not."""
    shop = Shop()
    for ref, mail in (("c-2", "home@x.example"), ("c-1", "Home@X.example"), ("c-3", "other@x.example")):
        shop.enroll(ref, email=mail)

    assert ["c-1", "c-2"] == refs(shop, " home@x.EXAMPLE ")
    assert ["c-3"] == refs(shop, "other@x.example")
    assert [] == refs(shop, "nobody@x.example")


@pytest.mark.parametrize("verb", ["put", "correct"])
def test_a_changed_address_is_found_by_the_new_one_alone(verb):
    """The old value leads nowhere any more, and no mark of it is left."""
    shop = Shop()
    ana = shop.enroll("c-1", email="old@x.example")
    if verb == "put":
        ana.put({"email": "new@x.example"}, purpose="account")
    else:
        ana.correct({"email": "new@x.example"})

    assert [] == refs(shop, "old@x.example")
    assert ["c-1"] == refs(shop, "new@x.example")
    token = shop.steward._setting.tenant_keys.token("email", "old@x.example")
    assert [] == shop.data.find(token, until=0, after=(-1, b""), limit=9)


def test_each_look_up_field_finds_by_itself():
    """A telephone number finds by phone, not as an e-mail."""
    shop = Shop()
    shop.enroll("c-1", email="ana@x.example", phone="+49 30 1234567")

    assert ["c-1"] == refs(shop, "+49 (30) 123-4567", field="phone")
    assert [] == refs(shop, "+49 30 1234567")


def test_an_erased_customer_is_found_by_nothing():
    """Neither the address nor the number leads to who was erased, and others who share them are found."""
    shop = Shop()
    shop.enroll("c-1", email="ana@x.example", phone="+49 30 1234567")
    shop.enroll("c-2", email="ana@x.example")
    shop.steward.customer("c-1").erase()

    assert ["c-2"] == refs(shop, "ana@x.example")
    assert [] == refs(shop, "+49 30 1234567", field="phone")


def test_a_purpose_that_may_not_see_the_address_finds_nobody():
    """Without consent the newsletter finds nobody, with it those who agreed, and a no ends it."""
    shop = Shop()
    ana = shop.enroll("c-1", email="ana@x.example")
    shop.enroll("c-2", email="ana@x.example")
    assert [] == refs(shop, "ana@x.example", purpose="news")
    shop.yes("c-1", "news")
    assert ["c-1"] == refs(shop, "ana@x.example", purpose="news")
    ana.withdraw("news")
    assert [] == refs(shop, "ana@x.example", purpose="news")
    assert [] == refs(shop, "ana@x.example", purpose="tips")
    assert ["c-1", "c-2"] == refs(shop, "ana@x.example")


def test_an_address_whose_time_is_over_finds_nobody():
    """Also before a sweep has removed it."""
    shop = Shop()
    shop.enroll("c-1", email="ana@x.example").record("left", {}, purpose="account")
    shop.clock.move(days=31)

    assert [] == refs(shop, "ana@x.example")


def test_who_is_found_has_been_read_and_who_is_not_is_counted():
    """Each find stands in the story of whom it found; a refused one is counted, and told no values."""
    shop = Shop()
    shop.enroll("c-1", email="ana@x.example")
    shop.enroll("c-2", email="ben@x.example")
    before = entries(shop)

    assert ["c-1"] == refs(shop, "ana@x.example")
    assert before + 1 == entries(shop)
    assert [] == refs(shop, "ana@x.example", purpose="news")
    assert [] == refs(shop, "ana@x.example", purpose="news")

    story = str(shop.steward.customer("c-1").history())
    assert "ana@x.example" not in story
    assert before + 2 == entries(shop)


def test_a_mark_that_somebody_forged_shows_nobody():
    """A look-up mark is only a hint: the value itself is looked at."""
    shop = Shop()
    shop.enroll("c-1", email="ana@x.example")
    shop.enroll("c-2", email="ben@x.example")
    tamper = Tamper(shop.data)
    ben = next(
        stream
        for stream in tamper.customers()
        if tamper.claim_of(stream) == shop.steward._setting.tenant_keys.token("ref", "c-2")
    )
    ana = next(stream for stream in tamper.customers() if stream != ben)
    stored = tamper.read(ben)
    marks = (*stored.head.marks, *(each for each in tamper.read(ana).head.marks if each.at == 0))
    tamper.write(ben, stored._replace(head=stored.head._replace(marks=tuple(dict.fromkeys(marks)))))

    assert ["c-1"] == refs(shop, "ana@x.example")


def test_more_customers_than_a_page():
    """Everybody with the address is found, however many pages that takes."""
    shop = Shop()
    for number in range(230):
        shop.enroll(f"c-{number:03}", email="all@x.example")

    assert [f"c-{number:03}" for number in range(230)] == refs(shop, "all@x.example")


def test_a_failed_find_has_read_nobody():
    """The reads of a page are written together: a refused commit leaves none of them."""
    data = HostileStorage(MemoryStorage(), fault=Fault.REFUSED, fail_at=1, forever=True)
    data.enabled = False
    shop = Shop(data=data)
    shop.data = data._inner
    shop.enroll("c-1", email="ana@x.example")
    shop.enroll("c-2", email="ana@x.example")
    before = entries(shop)
    data.enabled = True

    with pytest.raises(StorageUnavailable) as caught:
        refs(shop, "ana@x.example")

    assert caught.value.written is False
    assert before == entries(shop)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda shop: shop.steward.find("tastes", "x", purpose="tips"), UsageError),
        (lambda shop: shop.steward.find("emial", "x", purpose="account"), UnknownName),
        (lambda shop: shop.steward.find("email", "x", purpose="acount"), UnknownName),
        (lambda shop: shop.steward.find("email", 5, purpose="account"), UsageError),
    ],
)
def test_a_wrong_call_is_named(call, error):
    """A field without look-up, unknown names, and a value that is no text."""
    with pytest.raises(error):
        call(Shop())
