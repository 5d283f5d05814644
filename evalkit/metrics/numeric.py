"""numeric: the number in the answer is the number asked for, within a tolerance."""

from __future__ import annotations

import math
import re

from msgspec import Struct

from evalkit.metrics.match import reader_of
from evalkit.metrics.options import choice, names, number, refuse
from evalkit.metrics.read import Reader, Unreadable
from evalkit.metrics.texts import text_of, unanswered
from evalkit.types import JsonValue, MetricSpec, Sample, Score, Scored, Unscored

_CURRENCY = "$€£¥"
# Possessive and anchored on what stands before: each digit is read once.
_DIGITS = {
    ".": r"(?:(?:\d{1,3}(?:,\d{3})++(?!\d)|\d++)(?:\.\d++)?+|\.\d++)",
    ",": r"(?:(?:\d{1,3}(?:\.\d{3})++(?!\d)|\d++)(?:,\d++)?+|,\d++)",
}
_NUMBERS = {
    mark: re.compile(
        rf"(?<![\w.,])(?P<sign>[-+\u2212]?)[{_CURRENCY}]?(?P<digits>{digits})(?P<power>[eE][-+]?\d{{1,4}})?+"
    )
    for mark, digits in _DIGITS.items()
}
# Spaces that break no line and apostrophes part nothing but thousands; a plain space does where nothing else is said.
# A run of groups is looked at from its first digit alone.
_PARTED = {
    name: re.compile(rf"(?<![\w.,])(?<!\d[{marks}])(?!0)\d{{1,3}}([{marks}])\d{{3}}(?:\1\d{{3}})*+(?!\d)")
    for name, marks in (("only", " \u00a0\u2009\u202f'\u2019"), ("among words", "\u00a0\u2009\u202f'\u2019"))
}


class Numeric(Struct, frozen=True, kw_only=True):
    """1.0 when the answer's number lies within a tolerance of the target's, else 0.0.

    |found − wanted| ≤ max(abs_tol, rel_tol · |wanted|), as `math.isclose` has it but relative to the target alone;
    both are 0 by default, up to the rounding of floats. An answer without a number is wrong and counts as not
    answered.
    """

    name: str
    reader: Reader
    parse: Parse
    abs_tol: float
    rel_tol: float

    def score(self, answer: str, sample: Sample) -> Score:
        """Scored 0.0 or 1.0; Unscored(no_target) without a target, Unscored(target_is_no_number) for another one."""
        gold = self.reader.gold(sample.target)
        if gold is None:
            return Unscored(metric=self.name, why="no_target")
        # A list accepts each of its numbers.
        accepted = [self.parse.target(one) for one in (gold if isinstance(gold, list) else [gold])]
        numbers = [one for one in accepted if one is not None]
        if not numbers or len(numbers) < len(accepted):
            return Unscored(metric=self.name, why="target_is_no_number")
        text = text_of(answer, self.reader)
        if isinstance(text, Unreadable):
            return unanswered(self.name, text)
        found = self.parse.number(text)
        if found is None:
            return unanswered(self.name, Unreadable(f"no number: {text}"))
        right = [wanted for wanted in numbers if self._is_right(found, wanted)]
        evidence: dict[str, JsonValue] = {"gold": right[0] if right else numbers[0], "predicted": found}
        return Scored(metric=self.name, value=float(bool(right)), evidence=evidence)

    def _is_right(self, found: float, wanted: float) -> bool:
        room = max(self.abs_tol, self.rel_tol * abs(wanted))
        # 0.1 + 0.2 is 0.3: the last places of a float are no difference anybody means.
        return abs(found - wanted) <= room + 1e-12 * max(abs(wanted), room)


class Parse(Struct, frozen=True, kw_only=True):
    """How a number is read out of a text."""

    take: str
    """only (the whole text is the number), first or last."""
    units: tuple[str, ...] = ()
    """What may stand after the number, case aside."""
    percent: str = "same"
    """same: 5 % is 5; share: 5 % is 0.05."""
    decimal: str = "."
    """The decimal mark; the other one of . and , separates thousands, as no-break spaces and apostrophes do."""

    def target(self, value: JsonValue) -> float | None:
        """The number a target is, or that its whole text is; None for anything else."""
        if isinstance(value, bool):
            return None
        if isinstance(value, int | float):
            return _finite(value)
        # A target states one number; which of several to take is a question about answers only.
        return self._number(str(value), "only")

    def number(self, text: str) -> float | None:
        """The finite number the text states; None where there is none, and for `only` where there is more."""
        return self._number(text, self.take)

    def _number(self, text: str, take: str) -> float | None:
        # By the answers' own way: a target whose spaces part thousands where an answer's do not is never met.
        parted = _PARTED["only" if self.take == "only" else "among words"]
        text = parted.sub(lambda match: match[0].replace(match[1], ""), text.strip())
        found = None
        for match in _NUMBERS[self.decimal].finditer(text):
            # "3.5.1" and "1,23,4" are no numbers: nothing that goes on with a digit is taken.
            if text[match.end() : match.end() + 2].lstrip(".,")[:1].isdigit():
                continue
            if take == "only" and (self._leads(text[: match.start()]) or self._rest(text[match.end() :])):
                return None
            found = match
            if take != "last":
                break
        if found is None:
            return None
        digits = found["digits"].replace("," if self.decimal == "." else ".", "").replace(",", ".")
        sign = "-" if found["sign"] in {"-", "\u2212"} else ""
        value = _finite(float(f"{sign}{digits}{found['power'] or ''}"))
        is_percent = text[found.end() : found.end() + 2].lstrip().startswith("%")
        return value / 100.0 if value is not None and is_percent and self.percent == "share" else value

    def _leads(self, before: str) -> bool:
        return before.strip().strip(_CURRENCY) != ""

    def _rest(self, after: str) -> bool:
        """Whether something other than a unit, a percent sign or a full stop follows."""
        rest = after.strip().removesuffix(".").strip().casefold()
        return rest not in {"", "%", *_CURRENCY, *self.units}


def build_numeric(spec: MetricSpec) -> Numeric:
    """`numeric` from its entry. Raises UsageError for options it cannot act on."""
    units = tuple(unit.strip().casefold() for unit in names(spec, "units", ()))
    if not all(units):
        refuse(spec, "units", "an empty unit is none", "remove it")
    parse = Parse(
        take=choice(spec, "take", ("only", "first", "last")),
        units=units,
        percent=choice(spec, "percent", ("same", "share")),
        decimal=choice(spec, "decimal", (".", ",")),
    )
    return Numeric(
        name=spec.name,
        reader=reader_of(spec),
        parse=parse,
        abs_tol=number(spec, "abs_tol") or 0.0,
        rel_tol=number(spec, "rel_tol") or 0.0,
    )


def _finite(value: float) -> float | None:
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None
