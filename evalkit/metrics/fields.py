"""fields: how many fields of a JSON object are right."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import chain, count

from msgspec import Struct

from evalkit.metrics.match import clip, fold, reader_of
from evalkit.metrics.normalize import Normaliser, normalisers
from evalkit.metrics.options import choice
from evalkit.metrics.read import Reader, Unreadable, lookup, read_json
from evalkit.metrics.rouge import f1
from evalkit.metrics.texts import unanswered
from evalkit.metrics.tool_calls import canonical
from evalkit.types import JsonValue, MetricSpec, Sample, Score, Scored, Unscored

MAX_COMPARED = 5_000_000
"""Fields that may be compared to find out which records of one answer stand for which: a second or two."""
_PER_PAIR = 5
"""Fields that looking at a pair of records costs as much as, however few it has."""
_SHOWN = 5
_Bag = frozenset[tuple[str, str, int]]


class Fields(Struct, frozen=True, kw_only=True):
    """F1 of the answer's fields against the target's, as (path, value) pairs of the innermost values.

    Values are compared as JSON (1 is 1.0 and not "1"), texts after the normalisers. A field of the target that is
    missing or wrong costs recall, one of the answer that is wrong or not asked for costs precision. Lists count by
    position. With `lists: any_order` each item of the answer's list stands for one of the target's: for an equal one,
    else for the one that it shares most with, so that a value in the wrong record is wrong. Records that are too many
    to compare stand for each other in the order they come in. `measure: exact` is 1.0 when all are right.
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
        gold, found = fold(gold, self.chain), fold(found, self.chain)
        pairing = None if self.is_ordered else Pairing()
        wanted, said = Counter(leaves(gold)), Counter(leaves(found, like=gold, pairing=pairing))
        shared = (wanted & said).total()
        best = shared / said.total(), shared / wanted.total()
        by_measure = {"f1": f1(best), "precision": best[0], "recall": best[1], "exact": float(wanted == said)}
        evidence: dict[str, JsonValue] = {}
        if wanted != said:
            evidence = {"missing_or_wrong": _listed(wanted - said), "wrong_or_not_asked_for": _listed(said - wanted)}
        return Scored(metric=self.name, value=by_measure[self.measure], evidence=evidence)


class Pairing:
    """Finds out which items of the lists of one answer stand for which of the target's."""

    def __init__(self) -> None:
        self._room = MAX_COMPARED

    def places(self, said: Sequence[JsonValue], wanted: Sequence[JsonValue]) -> list[int]:
        """For each item the place of the one in `wanted` that it stands for, or a place behind them all.

        Equal ones first, then records by how much they share (Dice), so that what is wholly right is found whatever
        the rest is like. What is left, and records too many to compare, in the order they come in.
        """
        equal: defaultdict[str, list[int]] = defaultdict(list)
        for place in reversed(range(len(wanted))):
            equal[_sorted(wanted[place])].append(place)
        found: dict[int, int] = {}
        for i, item in enumerate(said):
            if places := equal.get(_sorted(item)):
                found[i] = places.pop()
        open_places = sorted(chain.from_iterable(equal.values()))
        ours = {i: bag for i, item in enumerate(said) if i not in found and (bag := _bag(item))}
        theirs = {place: bag for place in open_places if (bag := _bag(wanted[place]))}
        taken: set[int] = set()
        for i, place in self._nearest(ours, theirs):
            if i not in found and place not in taken:
                found[i] = place
                taken.add(place)
        left = chain((place for place in open_places if place not in taken), count(len(wanted)))
        return [found[i] if i in found else next(left) for i in range(len(said))]

    def _nearest(self, ours: dict[int, _Bag], theirs: dict[int, _Bag]) -> list[tuple[int, int]]:
        """Pairs that share something, those that share most first; none where they would cost too much."""
        sizes, others = (Counter(map(len, bags.values())) for bags in (ours, theirs))
        cost = sum((_PER_PAIR + min(a, b)) * n * m for a, n in sizes.items() for b, m in others.items())
        if cost > self._room:
            return []
        self._room -= cost
        near = [
            (-shared / (len(a) + len(b)), i, place)
            for i, a in ours.items()
            for place, b in theirs.items()
            if (shared := len(a & b))
        ]
        return [(i, place) for _, i, place in sorted(near)]


def leaves(
    value: JsonValue, path: str = "$", *, like: JsonValue = None, pairing: Pairing | None = None
) -> Iterator[tuple[str, str]]:
    """Each innermost value as (its path, itself as canonical JSON); an empty object or list is one, too.

    With a pairing the items of a list have the places of those items of `like` that they stand for.

    >>> list(leaves({"a": [1, {}], "b": None}))
    [('$.a[0]', '1'), ('$.a[1]', '{}'), ('$.b', 'null')]
    >>> list(leaves({"a": [{"n": 2}, {"n": 1, "m": 1}]}, like={"a": [{"n": 1}, {"n": 2}]}, pairing=Pairing()))
    [('$.a[1].n', '2'), ('$.a[0].n', '1'), ('$.a[0].m', '1')]
    """
    if isinstance(value, dict) and value:
        others = like if isinstance(like, dict) else {}
        for key, item in value.items():
            # A key with a mark of paths in it is quoted: {"a.b": 1} is not {"a": {"b": 1}}.
            step = f".{key}" if not {".", "["} & set(key) else f"[{json.dumps(key, ensure_ascii=False)}]"
            yield from leaves(item, path + step, like=others.get(key), pairing=pairing)
    elif isinstance(value, list) and value:
        items = like if isinstance(like, list) else []
        places = pairing.places(value, items) if pairing is not None and items else range(len(value))
        for place, item in zip(places, value, strict=True):
            other = items[place] if place < len(items) else None
            yield from leaves(item, f"{path}[{place}]", like=other, pairing=pairing)
    else:
        yield path, canonical(value)


def _sorted(value: JsonValue) -> str:
    """Canonical JSON that is the same text for values which are equal but for the order of their lists."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{_sorted(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(sorted(map(_sorted, value))) + "]"
    return canonical(value)


def _bag(value: JsonValue) -> _Bag:
    """What two records can share: (path, innermost value, which of its kind), places in lists aside.

    Empty for a plain value.
    """
    found = Counter(_loose(value, "")) if isinstance(value, dict | list) else Counter()
    return frozenset((path, said, nth) for (path, said), n in found.items() for nth in range(n))


def _loose(value: JsonValue, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _loose(item, f"{path}.{key}")
    elif isinstance(value, list):
        for item in value:
            yield from _loose(item, f"{path}[]")
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
