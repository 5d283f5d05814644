"""exact_match and accuracy: the answer is what was asked for, or it is not."""

from __future__ import annotations

from msgspec import Struct

from evalkit.metrics.normalize import Normaliser, normalised, normalisers
from evalkit.metrics.options import choice
from evalkit.metrics.read import Extract, Reader, Unreadable, accepted_texts, is_same, shown
from evalkit.types import JsonValue, MetricSpec, Sample, Score, Scored, Unscored

EVIDENCE_CHARACTERS = 200


class Match(Struct, frozen=True, kw_only=True):
    """1.0 when the answer equals the target, else 0.0.

    Strings are compared after the normalisers, on both sides and wherever they stand in a value. A target that
    is text or a list of texts is compared with the answer's text, and any listed text is right. Any other target,
    and every `field`, is compared with the answer parsed as JSON: 1 equals 1.0, True is not 1, the order of keys
    does not matter. An empty or unparseable answer is wrong and counts as not answered, except that an empty
    answer is right where the target is empty text.
    """

    name: str
    reader: Reader
    chain: tuple[Normaliser, ...]
    is_labelled: bool = False
    """accuracy: the evidence carries `gold` and `predicted` as labels, for tables per class."""

    def score(self, answer: str, sample: Sample) -> Score:
        """Scored 0.0 or 1.0; Unscored(no_target) where the sample does not say what is right."""
        gold = self.reader.gold(sample.target)
        if gold is None:
            return Unscored(metric=self.name, why="no_target")
        gold = fold(gold, self.chain)
        found = self.reader.value(answer, gold)
        if isinstance(found, Unreadable):
            is_right = self.reader.field is None and not answer.strip() and "" in accepted_texts(gold)
            evidence: dict[str, JsonValue] = {} if is_right else {"unreadable": clip(found.why)}
            if self.is_labelled:
                evidence |= {"gold": clip(_first(gold)), "predicted": "" if is_right else None}
            return Scored(metric=self.name, value=float(is_right), is_answered=is_right, evidence=evidence)
        found = fold(found, self.chain)
        is_right = _is_right(found, gold)
        if not (self.is_labelled or self.reader.field):
            return Scored(metric=self.name, value=float(is_right))
        predicted = clip(shown(found))
        return Scored(
            metric=self.name,
            value=float(is_right),
            evidence={"gold": predicted if is_right else clip(_first(gold)), "predicted": predicted},
        )


def fold(value: JsonValue, chain: tuple[Normaliser, ...]) -> JsonValue:
    """The value with every string in it normalised; keys stay as they are."""
    if isinstance(value, str):
        return normalised(value, chain)
    if isinstance(value, list):
        return [fold(item, chain) for item in value]
    if isinstance(value, dict):
        return {key: fold(item, chain) for key, item in value.items()}
    return value


def clip(text: str) -> str:
    """At most 200 characters, the last one an ellipsis where something was cut."""
    return text if len(text) <= EVIDENCE_CHARACTERS else text[: EVIDENCE_CHARACTERS - 1] + "…"


def reader_of(spec: MetricSpec) -> Reader:
    """How this metric reads answers, from its `field` and its `extract` option."""
    extract: Extract = "fenced" if choice(spec, "extract", ("strict", "fenced")) == "fenced" else "strict"
    return Reader(field=spec.field, extract=extract)


def build_match(spec: MetricSpec) -> Match:
    """`exact_match` or `accuracy` from its entry. Raises UsageError for options it cannot act on."""
    return Match(
        name=spec.name,
        reader=reader_of(spec),
        chain=normalisers(spec, default=("strip",)),
        is_labelled=spec.type == "accuracy",
    )


def _is_right(found: JsonValue, gold: JsonValue) -> bool:
    # A list that answers a list of texts is compared as a list; anything else may be one of them.
    if not isinstance(found, list) and isinstance(gold, list) and accepted_texts(gold):
        return found in accepted_texts(gold)
    return is_same(found, gold)


def _first(gold: JsonValue) -> str:
    return shown(gold[0] if isinstance(gold, list) and accepted_texts(gold) else gold)
