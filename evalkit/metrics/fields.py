"""fields: how many fields of a JSON object are right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from msgspec import Struct

from evalkit.metrics.match import clip, fold, reader_of
from evalkit.metrics.normalize import Normaliser, normalisers
from evalkit.metrics.options import choice
from evalkit.metrics.read import Reader, Unreadable, lookup, read_json
from evalkit.metrics.rouge import f1
from evalkit.metrics.texts import unanswered
from evalkit.metrics.tool_calls import canonical
from evalkit.types import JsonValue, MetricSpec, Sample, Score, Scored, Unscored

_SHOWN = 5


class Fields(Struct, frozen=True, kw_only=True):
    """F1 of the answer's fields against the target's, as (path, value) pairs of the innermost values.

    Values are compared as JSON (1 is 1.0 and not "1"), texts after the normalisers. A field of the target that is
    missing or wrong costs recall, one of the answer that is wrong or not asked for costs precision. Lists count by
    position, with `lists: any_order` as a bag of values per path. `measure: exact` is 1.0 when all are right.
    """

    name: str
    reader: Reader
    chain: tuple[Normaliser, ...]
    measure: str
    """f1, precision, recall or exact."""
    is_ordered: bool

    def score(self, answer: str, sample: Sample) -> Score:
        """Scored in [0, 1]; Unscored without a target (no_target) or where it is no object or list (target_is_no_json).

        An answer that is no JSON is 0.0 and counts as not answered.
        """
        gold: JsonValue | Unreadable = self.reader.gold(sample.target)
        if gold is None:
            return Unscored(metric=self.name, why="no_target")
        if isinstance(gold, str):
            gold = read_json(gold)
        if not isinstance(gold, dict | list):
            return Unscored(metric=self.name, why="target_is_no_json")
        found = read_json(answer, self.reader.extract)
        if self.reader.field is not None and not isinstance(found, Unreadable):
            found = lookup(found, self.reader.field)
        if isinstance(found, Unreadable):
            return unanswered(self.name, found)
        wanted, said = self._pairs(gold), self._pairs(found)
        shared = (wanted & said).total()
        best = shared / said.total(), shared / wanted.total()
        by_measure = {"f1": f1(best), "precision": best[0], "recall": best[1], "exact": float(wanted == said)}
        evidence: dict[str, JsonValue] = {}
        if wanted != said:
            evidence = {"missing_or_wrong": _listed(wanted - said), "wrong_or_not_asked_for": _listed(said - wanted)}
        return Scored(metric=self.name, value=by_measure[self.measure], evidence=evidence)

    def _pairs(self, value: JsonValue) -> Counter[tuple[str, str]]:
        return Counter(leaves(fold(value, self.chain), is_ordered=self.is_ordered))


def leaves(value: JsonValue, path: str = "$", *, is_ordered: bool = True) -> Iterator[tuple[str, str]]:
    """Each innermost value as (its path, itself as canonical JSON); an empty object or list is one, too.

    >>> list(leaves({"a": [1, {}], "b": None}))
    [('$.a[0]', '1'), ('$.a[1]', '{}'), ('$.b', 'null')]
    """
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from leaves(item, f"{path}.{key}", is_ordered=is_ordered)
    elif isinstance(value, list) and value:
        for i, item in enumerate(value):
            yield from leaves(item, f"{path}[{i if is_ordered else ''}]", is_ordered=is_ordered)
    else:
        yield path, canonical(value)


def build_fields(spec: MetricSpec) -> Fields:
    """`fields` from its entry. Raises UsageError for options it cannot act on."""
    return Fields(
        name=spec.name,
        reader=reader_of(spec),
        chain=normalisers(spec, default=("strip",)),
        measure=choice(spec, "measure", ("f1", "precision", "recall", "exact")),
        is_ordered=choice(spec, "lists", ("ordered", "any_order")) == "ordered",
    )


def _listed(pairs: Counter[tuple[str, str]]) -> JsonValue:
    return [clip(f"{path} {value}") for path, value in list(pairs.elements())[:_SHOWN]]
