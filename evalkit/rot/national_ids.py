"""Numbers that states give to people, told from other numbers by their form, their checksum or the word before them.

A form alone is enough where it is one of its own (letters in set places, a checksum over eleven digits or more). What
any number of that length may look like counts only as it is usually written, or after its name. Left out here is no
number left in: nine digits and more are scrubbed whatever they are (`evalkit.rot.pii`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

Rule = tuple[re.Pattern[str], Callable[[str], bool]]
_DNI_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"
_NIR_MODULUS = 97
_CORSICA = {"2A": "19", "2B": "18"}
_FISCAL_ODD = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)
_PESEL_WEIGHTS = (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)
_ELEVEN = 11
_BSN_DIGITS, _CPF_DIGITS = 9, 11
_MOST_MONTHS, _MOST_DAYS = 12, 31
_VERHOEFF = (
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
    "5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
)  # fmt: skip
"""The multiplication of the dihedral group D5."""
_VERHOEFF_TURN = "1576283094"
_OPENING = r"[\s:#=\"'(_]{0,4}(?:(?:is|no\.?|number|nr\.?|nummer)[\s:#=\"'(]{0,4}){0,2}"


def is_ssn(text: str) -> bool:
    """Whether nine digits can be a US Social Security number.

    The areas 000, 666 and 900 to 999, the group 00 and the serial 0000 are never given (Social Security Administration,
    "Social Security Number Randomization").

    >>> is_ssn("219-09-9999"), is_ssn("666-12-3456")
    (True, False)
    """
    digits = _bare(text)
    return digits[:3] not in {"000", "666"} and digits[0] != "9" and digits[3:5] != "00" and digits[5:] != "0000"


def is_dni(text: str) -> bool:
    """Whether a Spanish DNI's or NIE's letter is that of its number mod 23.

    Of an NIE X, Y, Z stand for 0, 1, 2 (Ministerio del Interior, "Cálculo del dígito de control del NIF/NIE").

    >>> is_dni("12345678Z"), is_dni("X-1234567-L"), is_dni("12345678A")
    (True, True, False)
    """
    bare = _bare(text)
    number = bare[:-1].replace("X", "0").replace("Y", "1").replace("Z", "2")
    return _DNI_LETTERS[int(number) % len(_DNI_LETTERS)] == bare[-1]


def is_nir(text: str) -> bool:
    """Whether the key of a French NIR (numéro de sécurité sociale) is 97 minus its number mod 97.

    Corsica's 2A and 2B count as 19 and 18 (INSEE, "Numéro d'inscription au répertoire").

    >>> is_nir("1 85 05 78 006 084 91"), is_nir("1 85 05 78 006 084 92")
    (True, False)
    """
    bare = _bare(text)
    place = _CORSICA.get(bare[5:7], bare[5:7])
    return (int(bare[:5] + place + bare[7:13]) + int(bare[13:])) % _NIR_MODULUS == 0


def is_codice_fiscale(text: str) -> bool:
    """Whether an Italian codice fiscale ends in its control letter (Decreto Ministeriale 23 dicembre 1976, art. 7).

    >>> is_codice_fiscale("RSSMRA85T10A562S"), is_codice_fiscale("RSSMRA85T10A562T")
    (True, False)
    """
    places = [int(c) if c.isdigit() else ord(c) - ord("A") for c in text.upper()]
    total = sum(_FISCAL_ODD[value] for value in places[0:15:2]) + sum(places[1:15:2])
    return total % 26 == places[15]


def is_bsn(text: str) -> bool:
    """Whether a Dutch burgerservicenummer passes the 11-test.

    Its digits weighted 9 to 2, and the last by -1, make a multiple of 11 (Rijksdienst voor Identiteitsgegevens, Logisch
    Ontwerp BSN).

    >>> is_bsn("111222333"), is_bsn("111222334")
    (True, False)
    """
    digits = [int(c) for c in _bare(text).zfill(_BSN_DIGITS)]
    return (sum(w * d for w, d in zip(range(9, 1, -1), digits, strict=False)) - digits[-1]) % _ELEVEN == 0


def is_pesel(text: str) -> bool:
    """Whether a Polish PESEL has its check digit and a day of birth.

    Months are raised by 20, 40, 60 or 80 by century (Ustawa o ewidencji ludności, art. 15 and 16).

    >>> is_pesel("44051401359"), is_pesel("44051401358")
    (True, False)
    """
    digits = [int(c) for c in text]
    month, day = int(text[2:4]) % 20, int(text[4:6])
    total = sum(w * d for w, d in zip(_PESEL_WEIGHTS, digits, strict=False))
    return 1 <= month <= _MOST_MONTHS and 1 <= day <= _MOST_DAYS and -total % 10 == digits[-1]


def is_cpf(text: str) -> bool:
    """Whether a Brazilian CPF has both its check digits, each mod 11 (Receita Federal, Instrução Normativa 1.548/2015).

    >>> is_cpf("111.444.777-35"), is_cpf("111.444.777-36")
    (True, False)
    """
    digits = [int(c) for c in _bare(text)]
    ends = (sum(w * d for w, d in zip(range(n + 1, 1, -1), digits, strict=False)) * 10 % 11 % 10 for n in (9, 10))
    return len(set(digits)) > 1 and [*ends] == digits[9:]


def is_aadhaar(text: str) -> bool:
    """Whether an Indian Aadhaar number ends in its check digit.

    It is Verhoeff's ("Error detecting decimal codes", 1969; UIDAI, "A UID Numbering Scheme", 2010).

    >>> is_aadhaar("2341 2341 2346"), is_aadhaar("2341 2341 2347")
    (True, False)
    """
    held, turned = 0, list(range(10))
    for c in reversed(_bare(text)):
        held = int(_VERHOEFF[held][turned[int(c)]])
        turned = [turned[int(one)] for one in _VERHOEFF_TURN]
    return held == 0


def _bare(text: str) -> str:
    return re.sub(r"[\s./-]", "", text).upper()


def _after(names: str, number: str) -> re.Pattern[str]:
    """A number that stands after its name, which is kept."""
    return re.compile(rf"(?P<before>(?<![^\W_])(?:{names}){_OPENING}){number}", re.IGNORECASE)


_ANY_CASE = re.IGNORECASE | re.ASCII
_NINO = r"(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]"
"""HM Revenue & Customs, National Insurance Manual NIM39110: the letters and beginnings that are used."""
RULES: Sequence[Rule] = (
    (re.compile(r"(?<![\w-])\d{3}-\d\d-\d{4}(?![\w-])"), is_ssn),
    (_after(r"ssn|social[ _-]security", r"\d{3}[ -]?\d\d[ -]?\d{4}(?!\w)"), bool),
    # Written with spaces in capitals only: "at 10 20 30 a" is nobody's.
    (re.compile(rf"(?<!\w){_NINO}(?: ?\d\d){{3}} ?[A-D](?!\w)"), bool),
    (re.compile(rf"(?<!\w){_NINO}\d{{6}}[A-D](?!\w)", _ANY_CASE), bool),
    (re.compile(r"(?<!\w)(?:[XYZ][ .-]?\d{7}|\d\d\.?\d{3}\.?\d{3})[ .-]?[A-HJ-NP-TV-Z](?!\w)"), is_dni),
    (re.compile(r"(?<!\w)(?:[XYZ]-?|\d)\d{7}-?[A-HJ-NP-TV-Z](?!\w)", _ANY_CASE), is_dni),
    (re.compile(r"(?<![\w-])(?<!\d )[1-478] ?\d\d ?\d\d ?(?:\d\d|2[AB]) ?\d{3} ?\d{3} ?\d\d(?!\w)", _ANY_CASE),
     is_nir),
    (re.compile(r"(?<!\w)[A-Z]{6}[\dLMNP-V]{2}[A-EHLMPR-T][\dLMNP-V]{2}[A-Z][\dLMNP-V]{3}[A-Z](?!\w)", _ANY_CASE),
     is_codice_fiscale),
    (_after(r"bsn|burgerservice-?nummer|sofi-?nummer", r"\d(?:[ .]?\d){7,8}(?!\w)"), is_bsn),
    (re.compile(r"(?<![\w.-])\d{11}(?!\w)"), is_pesel),
    (re.compile(r"(?<![\w.-])\d{3}\.?\d{3}\.?\d{3}[-/]?\d\d(?!\w)"), is_cpf),
    # Not a part of a longer number, such as a card's.
    (re.compile(r"(?<![\w-])(?<!\d )[2-9]\d{3}[ -]\d{4}[ -]\d{4}(?![\w-])(?! \d)"), is_aadhaar),
    (_after(r"aadhaar|aadhar|uidai", r"[2-9]\d{11}(?!\w)"), bool),
)  # fmt: skip
"""Each a form, and what else it takes. What a pattern calls `before` is no part of the number."""
