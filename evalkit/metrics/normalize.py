"""Normalisers: named, total functions from text to text that decide which differences do not count."""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Callable, Mapping
from types import MappingProxyType

from evalkit.metrics.options import names, refuse, suggestion
from evalkit.types import MetricSpec

Normaliser = Callable[[str], str]

_ARTICLES = re.compile(r"\b(?:a|an|the)\b", re.IGNORECASE)
_ASCII_PUNCTUATION = str.maketrans("", "", string.punctuation)
# Possessive quantifiers: a digit string is read once, whatever follows it.
_NUMBER = re.compile(r"(?<![\d.,])\+?((?:\d{1,3}(?:,\d{3})++|\d++))(\.\d++)?+(?![.,]?\d)")


def strip(text: str) -> str:
    """Without whitespace at either end."""
    return text.strip()


def casefold(text: str) -> str:
    """In the form Unicode compares without case: `Straße` and `STRASSE` become equal."""
    return text.casefold()


def nfkc(text: str) -> str:
    """In Unicode's compatibility form: full-width letters, ligatures and composed accents become one spelling."""
    return unicodedata.normalize("NFKC", text)


def whitespace(text: str) -> str:
    """With every run of whitespace as one space, and none at the ends."""
    return " ".join(text.split())


def punctuation(text: str) -> str:
    """Without ASCII punctuation and without any character of Unicode's punctuation categories."""
    text = text.translate(_ASCII_PUNCTUATION)
    if text.isascii():
        return text
    return "".join(c for c in text if not unicodedata.category(c).startswith("P"))


def articles(text: str) -> str:
    """With the English articles a, an, the replaced by a space."""
    return _ARTICLES.sub(" ", text)


def numbers(text: str) -> str:
    """With plain numbers: thousands commas, a leading plus and zeros at the end of a fraction go.

    >>> numbers("+1,250.50 of 3.0, version 1.20.3")
    '1250.5 of 3, version 1.20.3'
    """
    return _NUMBER.sub(_plain_number, text)


def squad(text: str) -> str:
    """SQuAD's own: lower case, no ASCII punctuation, no articles, single spaces (Rajpurkar et al. 2016).

    >>> squad("The  Eiffel Tower!")
    'eiffel tower'
    """
    return whitespace(articles(text.lower().translate(_ASCII_PUNCTUATION)))


NORMALISERS: Mapping[str, Normaliser] = MappingProxyType(
    {
        "nfkc": nfkc,
        "casefold": casefold,
        "strip": strip,
        "whitespace": whitespace,
        "punctuation": punctuation,
        "articles": articles,
        "numbers": numbers,
        "squad": squad,
    }
)


def normalisers(spec: MetricSpec, default: tuple[str, ...]) -> tuple[Normaliser, ...]:
    """The functions the `normalize` option names, in its order. Raises UsageError for unknown names, all at once."""
    wanted = names(spec, "normalize", default)
    unknown = [name for name in wanted if name not in NORMALISERS]
    if unknown:
        called = " or ".join(f"'{name}'" for name in unknown)
        near = [suggestion(name, NORMALISERS) for name in unknown]
        fix = near[0] if len(unknown) == 1 and near[0] else f"there are {', '.join(NORMALISERS)}"
        refuse(spec, "normalize", f"no normaliser is called {called}", fix)
    return tuple(NORMALISERS[name] for name in wanted)


def normalised(text: str, chain: tuple[Normaliser, ...]) -> str:
    """The text after each normaliser in turn."""
    for step in chain:
        text = step(text)
    return text


def _plain_number(found: re.Match[str]) -> str:
    whole, fraction = found.group(1).replace(",", ""), (found.group(2) or "").rstrip("0").rstrip(".")
    return whole + fraction
