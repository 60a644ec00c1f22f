"""Countries and their subdivisions: ISO 3166-1 alpha-2 and ISO 3166-2 codes.

A region is a country (``DE``) or a subdivision of one (``DE-BY``, ``US-CA``). Codes are upper-case;
``EU`` is reserved in the standard and is no country. Overseas territories of a country have codes of
their own (``GP``) beside their subdivision code (``FR-971``).
"""

from __future__ import annotations

import re

_CODE = re.compile("[A-Z]{2}")

COUNTRIES: frozenset[str] = frozenset(
    _CODE.findall("""
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT
    BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH
    ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT
    HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS
    LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI
    NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG
    SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG
    UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW
    """)
)
"""The 249 officially assigned codes of ISO 3166-1 alpha-2."""

_SUBDIVISIONS = {
    "US": frozenset(
        _CODE.findall("""
    AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC
    ND OH OK OR PA RI SC SD TN TX UT VT VA WA WV WI WY DC AS GU MP PR UM VI
        """)
    ),
    "CA": frozenset(_CODE.findall("AB BC MB NB NL NS NT NU ON PE QC SK YT")),
}
"""Subdivisions with laws of their own, where a misspelt code would lose one."""

_SUBDIVISION = re.compile(r"[A-Z0-9]{1,3}")


def known_region(code: str) -> bool:
    """Say whether *code* is a country of ISO 3166-1 alpha-2, or a subdivision of one.

    Subdivisions are checked by name in the United States and Canada, elsewhere by their form.
    """
    country, dash, part = code.partition("-")
    if country not in COUNTRIES:
        return False
    if not dash:
        return True
    return part in _SUBDIVISIONS[country] if country in _SUBDIVISIONS else bool(_SUBDIVISION.fullmatch(part))


def covers(territory: str, region: str) -> bool:
    """Say whether *territory* contains *region*: a country contains its subdivisions."""
    return region == territory or region.startswith(f"{territory}-")
