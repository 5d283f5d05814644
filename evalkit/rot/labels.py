"""What people said of new samples: one label each, or two and how far they agree."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from evalkit.stats.agreement import agreement
from evalkit.types import JsonValue

DOUBLE_SHARE = BLIND_SHARE = 0.2
FLOOR = 0.6
"""Gwet's AC1 between the people who labelled the same samples (Gwet 2008), below which the labels decide nothing."""
_PAIR = 2


class Label(Struct, frozen=True, kw_only=True):
    """What one person said of one sample."""

    id: str
    by: str
    label: JsonValue = None
    skip: str | None = None
    """Why the sample is to be left out instead."""
    settles: bool = False
    """Given because others disputed the sample. It decides, and is no measure of agreement: whoever is asked only where
    two differ can only bring pairs that agree."""


class Resolved(Struct, frozen=True, kw_only=True):
    """What the labels come to."""

    labels: Mapping[str, JsonValue]
    """Sample → its label, where enough people gave one and agree."""
    people: Mapping[str, Sequence[str]]
    skipped: Mapping[str, str]
    disputed: Sequence[str]
    """Two people said two things; one more has to decide."""
    waiting: Sequence[str]
    """Fewer people than needed have looked."""
    n_double: int
    ac1: float | None
    """None where no sample has two labels."""
    kappa: float | None
    followed_shown: float | None
    followed_blind: float | None
    """Share of labels that equal production's answer, where it was shown and where it was not: far apart, people were
    led by it. None where nothing was suggested."""


def share_of(ids: Sequence[str], share: float, salt: str) -> frozenset[str]:
    """That share of the ids (rounded up), the same ones each time."""
    ranked = sorted(ids, key=lambda one: hashlib.sha256(f"{salt}:{one}".encode()).digest())
    return frozenset(ranked[: math.ceil(share * len(ids))])


def resolved(queue: Sequence[Mapping[str, Any]], labels: Sequence[Label]) -> Resolved:
    """One label a sample where people agree; a third settles what two dispute."""
    said: dict[str, dict[str, Label]] = {}
    for one in labels:
        said.setdefault(one.id, {})[one.by] = one
    found: dict[str, JsonValue] = {}
    skipped: dict[str, str] = {}
    disputed, waiting = [], []
    for item in queue:
        name, by = item["id"], said.get(item["id"], {})
        skips = [one.skip for one in by.values() if one.skip]
        given = [_key(one.label) for one in by.values() if not one.skip]
        most = max(set(given), key=lambda key: (given.count(key), key), default=None)
        if skips:
            skipped[name] = skips[0]
        elif most is None or len(given) < (_PAIR if item["double"] else 1):
            waiting.append(name)
        elif given.count(most) * 2 <= len(given):
            disputed.append(name)
        else:
            found[name] = json.loads(most)
    ratings = list(_ratings(queue, said))
    categories = sorted({key for row in ratings for key in row if key is not None})
    if len(categories) == 1:
        categories.append("")  # there were others to choose, and nobody chose them
    measured = agreement(ratings, categories, "nominal") if ratings else None
    return Resolved(
        labels=found,
        people={name: sorted(by) for name, by in said.items()},
        skipped=skipped,
        disputed=disputed,
        waiting=waiting,
        n_double=len(ratings),
        ac1=None if measured is None else measured.ac1,
        kappa=None if measured is None else measured.kappa,
        followed_shown=_followed(queue, said, is_blind=False),
        followed_blind=_followed(queue, said, is_blind=True),
    )


def _ratings(
    queue: Sequence[Mapping[str, Any]], said: Mapping[str, Mapping[str, Label]]
) -> Iterator[Sequence[str | None]]:
    """A row a sample that two people labelled, a column a person; without the labels that settled a dispute."""
    people = sorted({person for by in said.values() for person in by})
    for item in queue:
        by = {name: one for name, one in said.get(item["id"], {}).items() if not one.skip and not one.settles}
        row = [_key(by[one].label) if one in by else None for one in people]
        if sum(key is not None for key in row) >= _PAIR:
            yield row


def _followed(
    queue: Sequence[Mapping[str, Any]], said: Mapping[str, Mapping[str, Label]], *, is_blind: bool
) -> float | None:
    pairs = [
        (_key(one.label), _key(item["production"]))
        for item in queue
        if item["blind"] is is_blind and item["production"] is not None
        for one in said.get(item["id"], {}).values()
        if not one.skip
    ]
    return sum(label == other for label, other in pairs) / len(pairs) if pairs else None


def _key(label: JsonValue) -> str:
    return json.dumps(label, sort_keys=True)
