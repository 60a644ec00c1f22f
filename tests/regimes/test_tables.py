"""Every pack is written twice: as TOML, and as a table of its facts with their articles in ``law/``.

Whoever changes a pack writes the changed line anew, from the article and not from the TOML: a slip in
one of the two shows here. :mod:`tests.regimes.telling` says how a line is to be read.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from clm_ethics.regimes import Pack, load_packs
from tests.mutants.packs import OWN, PARTS, SINGLE, mutants
from tests.regimes.telling import told

PACKS = load_packs()
TABLES = {
    file.stem: file.read_text("utf-8").splitlines() for file in (Path(__file__).parent / "law").iterdir()
}


@pytest.mark.parametrize("pack", PACKS.values(), ids=lambda pack: str(pack.id))
def test_a_pack_says_what_its_table_says(pack: Pack) -> None:
    """Each posture, exception, duty, condition, day, age, place, limit and right is that of its article."""
    title, *facts = TABLES[pack.id]

    assert f"# {pack.name}" == title
    assert facts == told(pack)


def test_each_pack_has_a_table() -> None:
    """No pack is without a table, and no table without a pack."""
    assert set(PACKS) == set(TABLES)


@pytest.mark.parametrize("pack", PACKS.values(), ids=lambda pack: str(pack.id))
def test_a_table_shows_each_slip_of_the_pen(pack: Pack) -> None:
    """Whatever is changed in a pack that can decide, its table differs."""
    facts = TABLES[pack.id][1:]
    hidden = [
        mutant.what
        for mutant in mutants(pack)
        if facts == told(replace(pack, **{mutant.attribute: mutant.value}))
    ]
    assert [] == hidden


def test_what_decides_nothing_is_left_out() -> None:
    """Beside these words every part of a pack has its lines, and its mutants."""
    words = {"id", "name", "disclaimer", "as_of", "sources", "notes", "watch"}
    assert words == set(Pack.__struct_fields__) - {*PARTS, *SINGLE, *OWN}
