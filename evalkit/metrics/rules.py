"""contains, not_contains, regex and length: rules that a text keeps or breaks."""

from __future__ import annotations

import re

import jsonschema_rs
from msgspec import Struct

from evalkit.metrics.match import clip, reader_of
from evalkit.metrics.normalize import Normaliser, normalised, normalisers
from evalkit.metrics.options import choice, flag, names, refuse, whole
from evalkit.metrics.read import MAX_CHARACTERS, Reader, Unreadable
from evalkit.metrics.schemas import MAX_PATTERN_BYTES
from evalkit.metrics.texts import right_texts, text_of, unanswered
from evalkit.types import JsonValue, MetricSpec, Sample, Score, Scored, Unscored

_BETWEEN_WORDS = re.compile(r"[\W_]")
_HALF_CHARACTERS = re.compile(r"[\ud800-\udfff]")


class Contains(Struct, frozen=True, kw_only=True):
    """1.0 when the answer contains the texts (or, for `not_contains`, none of them), else 0.0.

    The texts are the option `text`, else the sample's target. Both sides go through the normalisers; none by
    default. An empty answer keeps neither rule and counts as not answered.
    """

    name: str
    reader: Reader
    chain: tuple[Normaliser, ...]
    texts: tuple[str, ...]
    """Normalised; empty: the target's."""
    match: str
    """all, any or none: how many of the texts there have to be."""
    is_whole: bool = False
    """Whether a text counts only where no letter or digit goes on at either end of it."""

    def score(self, answer: str, sample: Sample) -> Score:
        """Scored 0.0 or 1.0; Unscored(no_target) where neither option nor sample says what to look for.

        Unscored(empty_target) where a text to look for is empty: it stands in everything.
        """
        texts = self.texts or tuple(normalised(text, self.chain) for text in right_texts(sample, self.reader))
        if not texts:
            return Unscored(metric=self.name, why="no_target")
        if not all(texts):
            return Unscored(metric=self.name, why="empty_target")
        answered = text_of(answer, self.reader)
        if isinstance(answered, Unreadable):
            return unanswered(self.name, answered)
        answered = normalised(answered, self.chain)
        stands_in = _stands_whole if self.is_whole else _stands
        found = [text for text in texts if stands_in(text, answered)]
        if self.match == "none":
            return _kept(self.name, is_kept=not found, evidence={"found": [clip(text) for text in found]})
        missing = [clip(text) for text in texts if text not in found]
        is_kept = bool(found) if self.match == "any" else not missing
        return _kept(self.name, is_kept=is_kept, evidence={"missing": [*missing]})


class Regex(Struct, frozen=True, kw_only=True):
    """1.0 when the pattern is found somewhere in the answer (`expect: no_match`: nowhere), else 0.0.

    Patterns are those of JSON Schema's `pattern` (ECMA 262 without lookaround and back-references), on an engine whose
    time is linear in the answer (https://docs.rs/regex/latest/regex/#untrusted-input): the worst known one takes three
    seconds for a million characters. An empty answer counts as not answered.
    """

    name: str
    reader: Reader
    pattern: jsonschema_rs.Validator
    expect: str
    """match or no_match."""

    def score(self, answer: str, sample: Sample) -> Score:  # noqa: ARG002 - a pattern needs no target
        """Scored 0.0 or 1.0; Unscored(too_long) for an answer of more than a million characters."""
        found = text_of(answer, self.reader)
        if isinstance(found, Unreadable):
            return unanswered(self.name, found)
        if len(found) > MAX_CHARACTERS:
            return Unscored(metric=self.name, why="too_long")
        # Half a character of a surrogate pair is nothing a pattern could mean.
        is_found = self.pattern.is_valid(_HALF_CHARACTERS.sub("\ufffd", found))
        return Scored(metric=self.name, value=float(is_found == (self.expect == "match")))


class Length(Struct, frozen=True, kw_only=True):
    """1.0 when the answer is no shorter than `low` and no longer than `high`, else 0.0. Needs no target.

    Words are what whitespace separates, characters are code points without whitespace at either end. An empty
    answer is never right and counts as not answered.
    """

    name: str
    reader: Reader
    unit: str
    """words or characters."""
    low: int
    high: int | None

    def score(self, answer: str, sample: Sample) -> Score:  # noqa: ARG002 - a length needs no target
        """Scored 0.0 or 1.0; never Unscored."""
        found = text_of(answer, self.reader)
        if isinstance(found, Unreadable):
            return unanswered(self.name, found)
        size = len(found.split()) if self.unit == "words" else len(found.strip())
        is_kept = size >= self.low and (self.high is None or size <= self.high)
        return Scored(metric=self.name, value=float(is_kept), evidence={self.unit: size})


def build_contains(spec: MetricSpec) -> Contains:
    """`contains` or `not_contains` from its entry. Raises UsageError for options it cannot act on."""
    chain = normalisers(spec, default=())
    texts = tuple(normalised(text, chain) for text in names(spec, "text", ()))
    if "text" in spec.options and not texts:
        refuse(spec, "text", "a text or a list of texts is wanted", "leave it out to look for the target")
    if not all(texts):
        refuse(spec, "text", "an empty text (after `normalize`) stands in every answer", "remove it")
    match = choice(spec, "match", ("all", "any")) if spec.type == "contains" else "none"
    if "match" not in spec.options and not texts and match == "all":
        match = "any"  # a target that is a list names texts that are each right
    return Contains(
        name=spec.name,
        reader=reader_of(spec),
        chain=chain,
        texts=texts,
        match=match,
        is_whole=flag(spec, "whole_words"),
    )


def build_regex(spec: MetricSpec) -> Regex:
    """`regex` from its entry. Raises UsageError for a pattern that is none or cannot run in linear time."""
    pattern = spec.options.get("pattern")
    if not isinstance(pattern, str) or not pattern:
        refuse(spec, "pattern", "a regular expression is wanted", "pattern: '^[A-Z]{3}-[0-9]+$'")
    # (?i) because JSON Schema's patterns have no flags of their own.
    whole_pattern = f"(?i){pattern}" if flag(spec, "ignore_case") else pattern
    try:
        validator = jsonschema_rs.Draft202012Validator(
            {"pattern": whole_pattern}, pattern_options=jsonschema_rs.RegexOptions(size_limit=MAX_PATTERN_BYTES)
        )
    except (jsonschema_rs.ValidationError, ValueError):
        refuse(
            spec,
            "pattern",
            f"'{clip(pattern)}' is no regular expression, or none that runs in time linear in the answer",
            "is every bracket closed? And patterns have no lookahead (?=…), no lookbehind (?<=…), no back-references "
            "\\1 and no huge repetitions",
        )
    return Regex(
        name=spec.name,
        reader=reader_of(spec),
        pattern=validator,
        expect=choice(spec, "expect", ("match", "no_match")),
    )


def build_length(spec: MetricSpec) -> Length:
    """`length` from its entry. Raises UsageError where no bound is given or the bounds leave nothing between them."""
    low, high = whole(spec, "min"), whole(spec, "max", low=1)
    if low is None and high is None:
        refuse(spec, "", "neither `min` nor `max` is given, so that every length would do", "max: 120")
    if low is not None and high is not None and low > high:
        refuse(spec, "max", f"{high} is less than `min`, {low}")
    unit = choice(spec, "unit", ("words", "characters"))
    return Length(name=spec.name, reader=reader_of(spec), unit=unit, low=low or 0, high=high)


def _stands(text: str, answer: str) -> bool:
    return text in answer


def _stands_whole(text: str, answer: str) -> bool:
    """Whether the text stands in the answer with no letter or digit going on before or after it.

    >>> _stands_whole("5 euros", "It costs 15 euros."), _stands_whole("5 euros", "It costs 5 euros.")
    (False, True)
    """
    start = answer.find(text)
    while start >= 0:
        end = start + len(text)
        goes_on_before = start > 0 and text[0].isalnum() and answer[start - 1].isalnum()
        goes_on_after = end < len(answer) and text[-1].isalnum() and answer[end].isalnum()
        if not (goes_on_before or goes_on_after):
            return True
        # Inside of a word no other start will do: on to where it ends.
        ends = _BETWEEN_WORDS.search(answer, start) if goes_on_before else None
        if goes_on_before and ends is None:
            return False
        start = answer.find(text, ends.end() if ends else start + 1)
    return False


def _kept(metric: str, *, is_kept: bool, evidence: dict[str, JsonValue]) -> Scored:
    return Scored(metric=metric, value=float(is_kept), evidence={} if is_kept else evidence)
