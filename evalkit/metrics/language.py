"""language: the answer is in the language that was asked for, as the package py3langid tells languages apart.

py3langid is langid.py kept up to date: naive Bayes over runs of bytes, its model inside of the package, no request (Lui
and Baldwin 2012, ACL system demonstrations; https://github.com/adbar/py3langid).
"""

from __future__ import annotations

import copy
from functools import lru_cache
from importlib.metadata import version
from typing import Any

from msgspec import Struct

from evalkit.metrics.match import reader_of
from evalkit.metrics.options import names, number, refuse, suggestion
from evalkit.metrics.read import Reader, Unreadable
from evalkit.metrics.texts import right_texts, text_of, unanswered
from evalkit.types import MetricSpec, Sample, Score, Scored, Unscored

_INSTALL = "pip install 'evalkit-gate[language]'"
_SURE = 0.5
_CODE_LENGTH = 2
"""Of ISO 639-1. The model knows a hundred more by three letters, dialects among them, that short texts look like."""
_LOOKED_AT = 4_000
"""Characters of an answer; the model is made for texts no longer than a page."""
_DIGITS = 4


class Language(Struct, frozen=True, kw_only=True):
    """1.0 when the answer is in one of the languages, 0.0 when it is in another one.

    The languages are the option `expect`, else the sample's target. Which one it is has to be likelier than not:
    what is too short or too mixed to tell is unscored. An empty answer is wrong and counts as not answered.
    """

    name: str
    reader: Reader
    expect: tuple[str, ...]
    """Codes; empty: the target's."""
    identifier: Any
    """A `py3langid.langid.LanguageIdentifier` for the languages among which the answer's is looked for."""
    known: frozenset[str]
    sure: float
    """How likely the expected languages together, or another one, have to be."""

    @property
    def signature(self) -> str:
        """What somebody needs to get the same numbers elsewhere."""
        return f"py3langid:{version('py3langid')}|among:{len(self.known)}|sure:{self.sure:g}"

    def score(self, answer: str, sample: Sample) -> Score:
        """Scored 0.0 or 1.0; Unscored: no_target, target_is_no_language, or language_unclear."""
        wanted = self.expect or right_texts(sample, self.reader)
        if not wanted:
            return Unscored(metric=self.name, why="no_target")
        if not self.known.issuperset(wanted):
            return Unscored(metric=self.name, why="target_is_no_language")
        found = text_of(answer, self.reader)
        if isinstance(found, Unreadable):
            return unanswered(self.name, found)
        ranked = [(code, float(share)) for code, share in self.identifier.rank(found[:_LOOKED_AT])]
        likely = sum(share for code, share in ranked if code in wanted)
        other, share = next(((code, share) for code, share in ranked if code not in wanted), ("", 0.0))
        if max(likely, share) < self.sure:
            return Unscored(metric=self.name, why="language_unclear")
        is_right = likely >= self.sure and likely >= share
        evidence = {} if is_right else {"language": other, "likely": round(share, _DIGITS)}
        return Scored(metric=self.name, value=float(is_right), evidence=evidence)


def build_language(spec: MetricSpec) -> Language:
    """`language` from its entry. Raises UsageError for a code py3langid does not know, or where it is not installed."""
    try:
        identifier = copy.copy(_model())
    except ImportError:
        refuse(spec, "", "metrics of type language need the package py3langid", _INSTALL)
    there = frozenset(str(code) for code in identifier.labels)
    expect, among = names(spec, "expect", ()), names(spec, "among", ())
    for key, codes in (("expect", expect), ("among", among)):
        for code in codes:
            if code not in there:
                fix = suggestion(code, there) or "codes are those of ISO 639: en, de, fr, es, zh …"
                refuse(spec, key, f"'{code[:40]}' is no language that can be told apart", fix)
    known = frozenset(among) or frozenset(code for code in there if len(code) == _CODE_LENGTH)
    known |= frozenset(expect)
    if len(known) < 2:  # noqa: PLR2004 - one language alone is always the likeliest
        refuse(spec, "among", "one language alone cannot be told from another", "among: [en, de, fr]")
    identifier.set_languages(sorted(known))
    sure = number(spec, "sure", low=_SURE, high=1.0)
    return Language(
        name=spec.name,
        reader=reader_of(spec),
        expect=expect,
        identifier=identifier,
        known=known,
        sure=_SURE if sure is None else sure,
    )


@lru_cache(maxsize=1)
def _model() -> Any:
    """The identifier for all languages, read once: that takes a second. Whoever wants fewer languages takes a copy."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # noqa: PLC0415 - an extra, and heavy

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
