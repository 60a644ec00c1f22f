"""The compact file of the packs says what their TOML says, or does not count."""

from __future__ import annotations

from importlib.resources import files

from hypothesis import given
from hypothesis import strategies as st

from clm_ethics.regimes import Posture, Review, compact, load_packs
from clm_ethics.regimes.loader import pack_texts, parse_packs

TEXTS = pack_texts()
DATA = (files("clm_ethics.regimes") / compact.FILE).read_bytes()


def test_it_is_up_to_date() -> None:
    """The file in the project was made from the TOML files as they are."""
    assert DATA == compact.written(TEXTS, parse_packs(TEXTS).values()), "run: python docs/tables.py"


def test_it_gives_the_same_packs_in_the_same_order() -> None:
    """What is loaded from it equals what the TOML gives."""
    read = compact.read(DATA, TEXTS)
    assert read is not None
    assert list(parse_packs(TEXTS).items()) == list(read.items()) == list(load_packs().items())
    assert all(isinstance(cell.posture, Posture) for pack in read.values() for cell in pack.cells)
    assert all(isinstance(pack.review, Review) for pack in read.values())


@given(st.sampled_from(sorted(TEXTS)), st.sampled_from(["changed", "renamed", "gone"]))
def test_another_toml_is_read_itself(file: str, change: str) -> None:
    """As soon as a TOML file is changed, renamed or gone, the compact file does not count."""
    others = {name: text for name, text in TEXTS.items() if name != file}
    if change == "changed":
        others[file] = TEXTS[file].replace("2026", "2025", 1) + "# more\n"
    elif change == "renamed":
        others[f"x{file}"] = TEXTS[file]
    assert compact.read(DATA, others) is None


@given(st.integers(0, len(DATA) - 1), st.integers(1, 255))
def test_a_damaged_file_does_not_count(place: int, flip: int) -> None:
    """Whichever byte of it differs, the TOML is read instead."""
    damaged = bytearray(DATA)
    damaged[place] ^= flip
    assert compact.read(bytes(damaged), TEXTS) is None


def test_a_file_of_another_version_does_not_count() -> None:
    """Packs that this library cannot hold are not guessed at, even under a fitting digest."""
    body = DATA.partition(b"\n")[2].replace(b'"posture":', b'"stance":', 1)
    assert compact.read(compact._digest(TEXTS, body) + b"\n" + body, TEXTS) is None
