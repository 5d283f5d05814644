"""What past runs of a suite show of it: can it still tell two models apart, are its labels right, is it worn out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from msgspec import Struct, field
from numpy.typing import NDArray

from evalkit.rot.signal import ORDER, Light, Signal, above, below, unmeasured
from evalkit.types import JsonValue

ENOUGH_SYSTEMS = 5
AMBER_HEADROOM, RED_HEADROOM = 10.0, 5.0
AMBER_DEAD, RED_DEAD = 60.0, 80.0
AMBER_TELLING, RED_TELLING = 0.15, 0.05
AMBER_LABELS, RED_LABELS = 2.0, 5.0
RED_WRONG = 3
"""Labels that have to be wrong for red: people look at the suspected ones first, so a share alone says little."""
AMBER_USES, RED_USES = 10, 20
AMBER_AGE, RED_AGE = 90.0, 180.0
STRONG = 3
"""Systems that have to agree with each other against a label."""
SHOWN = 20
_FEW = 5
_FULL = 100.0


class System(Struct, frozen=True, kw_only=True):
    """One model as one run of the suite saw it."""

    name: str
    """Tells it from others: who answered, with which prompt."""
    scores: Mapping[str, float]
    """Sample → share of full marks on the primary metric; samples without a score are absent."""
    answers: Mapping[str, str] = field(default_factory=dict)
    """Sample → the answer as it is compared with others."""

    @property
    def points(self) -> float:
        """Mean over the samples that have a score."""
        return _FULL * sum(self.scores.values()) / len(self.scores) if self.scores else 0.0


class Rechecked(Struct, frozen=True, kw_only=True):
    """What people found who labelled samples of the suite again."""

    samples: frozenset[str] = frozenset()
    wrong: Sequence[str] = ()
    """Those of them whose label in the suite is another."""
    n_all: int = 0
    """Samples of the suite; 0 where that is not known."""


def age_signal(newest_days: float | None, approved_days: float | None) -> Signal:
    """Days since the newest sample and since somebody last approved the suite: the younger of the two counts."""
    known = {"newest sample": newest_days, "last approval": approved_days}
    days = [value for value in known.values() if value is not None]
    if not days:
        return unmeasured("age", "not measured: the samples carry no time (dataset.time) and no release is recorded")
    age = max(0.0, min(days))
    told = " and ".join(f"the {what} is {value:.0f} days old" for what, value in known.items() if value is not None)
    return Signal(
        name="age",
        light=above(age, AMBER_AGE, RED_AGE),
        statistic="days",
        value=age,
        amber=AMBER_AGE,
        red=RED_AGE,
        sentence=told,
        detail={what.replace(" ", "_"): value for what, value in known.items()},
    )


def headroom_signal(champion_points: float | None, min_delta: float) -> Signal:
    """How many points are left above the best model. Red where fewer are left than a candidate has to gain."""
    name = "saturation: headroom"
    if champion_points is None:
        return unmeasured(name, "not measured: no finished run of this version of the data")
    left, red = _FULL - champion_points, max(RED_HEADROOM, min_delta)
    amber = max(AMBER_HEADROOM, red)
    return Signal(
        name=name,
        light=below(left, amber, red),
        statistic="points",
        value=left,
        amber=amber,
        red=red,
        sentence=f"the best model so far has {champion_points:.1f} points: {left:.1f} are left, "
        f"and a candidate has to gain {min_delta:g}",
    )


def dead_signal(systems: Sequence[System]) -> Signal:
    """The share of samples that every one of five or more models solves, or that none does."""
    name = "saturation: dead samples"
    if len(systems) < ENOUGH_SYSTEMS:
        return unmeasured(name, _too_few(systems))
    table, names = _table(systems)
    if not names:
        return unmeasured(name, "not measured: there is no sample on which all of these models have a score")
    solved, failed = (table >= 1.0).all(axis=1), (table <= 0.0).all(axis=1)
    share = _FULL * float((solved | failed).mean())
    return Signal(
        name=name,
        light=above(share, AMBER_DEAD, RED_DEAD),
        statistic="% of samples",
        value=share,
        amber=AMBER_DEAD,
        red=RED_DEAD,
        sentence=f"of {len(names):,} samples all {len(systems)} models solve {int(solved.sum()):,} and none solves "
        f"{int(failed.sum()):,}: these tell no two models apart",
        detail={"solved_by_all": _named(names, solved), "solved_by_none": _named(names, failed)},
    )


def telling_signal(systems: Sequence[System]) -> Signal:
    """Mean correlation of a sample with the rest of the suite (item-rest point-biserial), over five or more models."""
    name = "discrimination"
    if len(systems) < ENOUGH_SYSTEMS:
        return unmeasured(name, _too_few(systems))
    table, names = _table(systems)
    rest = table.sum(axis=0) - table
    own, others = table - table.mean(axis=1, keepdims=True), rest - rest.mean(axis=1, keepdims=True)
    norms = np.sqrt((own**2).sum(axis=1) * (others**2).sum(axis=1))
    is_varied = norms > 0
    if not is_varied.any():
        return unmeasured(name, "not measured: every sample is answered alike by all models")
    each = (own * others).sum(axis=1)[is_varied] / norms[is_varied]
    varied = [one for one, is_one in zip(names, is_varied, strict=True) if is_one]
    against = [one for one, value in sorted(zip(varied, each, strict=True), key=lambda pair: pair[1]) if value < 0]
    return Signal(
        name=name,
        light=below(float(each.mean()), AMBER_TELLING, RED_TELLING),
        statistic="mean item-rest correlation",
        value=float(each.mean()),
        amber=AMBER_TELLING,
        red=RED_TELLING,
        sentence=f"{len(against):,} of {len(varied):,} samples on which models differ speak for the weaker one",
        detail={"negative": list(against[:SHOWN])},
    )


def label_signal(systems: Sequence[System], rechecked: Rechecked = Rechecked()) -> Signal:  # noqa: B008 - frozen
    """Labels that people found wrong, and samples on which the strong models agree with each other against the label.

    The latter are for a person to look at again: never red, because that a label is wrong is only known after the look.
    Samples that people have looked at are no longer suspected. Red takes three wrong labels besides their share: what
    people look at was chosen because it was suspected, so one wrong of eight is no eighth of the suite.
    """
    name, n = "label errors", len(rechecked.samples)
    found = _suspects(systems)
    if found is None and not n:
        return unmeasured(name, f"not measured: it takes the answers of {STRONG} different models, or people's labels")
    n_strong, shared, against = found or (0, frozenset(), frozenset())
    suspects = sorted(against - rechecked.samples)
    suspected = _FULL * len(suspects) / len(shared) if shared else 0.0
    wrong = _FULL * len(rechecked.wrong) / n if n else 0.0
    told = []
    if n:
        verb = "is" if len(rechecked.wrong) == 1 else "are"
        looked_at = f"of the {n:,} that people looked at (the suspected ones first{_share_of_all(rechecked)})"
        told.append(f"{len(rechecked.wrong):,} {looked_at} {verb} wrong{_listed(rechecked.wrong)}")
    if found is not None:
        agree = f"on {len(suspects):,} of {len(shared):,} samples the {n_strong} strongest models agree with each other"
        told.append(f"{agree} and not with the label; a person should look at these again{_listed(suspects)}")
    by_people = above(wrong, AMBER_LABELS, RED_LABELS)
    lights: tuple[Light, Light] = (
        "amber" if by_people == "red" and len(rechecked.wrong) < RED_WRONG else by_people,
        "amber" if suspected >= AMBER_LABELS else "green",
    )
    return Signal(
        name=name,
        light=max(lights, key=ORDER.index),
        statistic="% of labels looked at again" if n else "% of samples",
        value=wrong if n else suspected,
        amber=AMBER_LABELS,
        red=RED_LABELS if n else None,
        sentence="; ".join(told),
        detail={"wrong": [*rechecked.wrong], "look_again": [*suspects]},
    )


def _suspects(systems: Sequence[System]) -> tuple[int, frozenset[str], frozenset[str]] | None:
    """(how many strong models, the samples all of them answered, those of them where they agree against the label)."""
    strong = sorted(systems, key=lambda one: (-one.points, one.name))[: max(STRONG, (len(systems) + 1) // 2)]
    if len(strong) < STRONG or not all(one.answers for one in strong):
        return None
    shared = frozenset.intersection(*(frozenset(one.scores) & frozenset(one.answers) for one in strong))
    against = frozenset(
        sample
        for sample in shared
        if len({one.answers[sample] for one in strong}) == 1 and all(one.scores[sample] <= 0.0 for one in strong)
    )
    return len(strong), shared, against


def _share_of_all(rechecked: Rechecked) -> str:
    n = len(rechecked.samples)
    return f"; {_FULL * n / rechecked.n_all:.1f} % of all {rechecked.n_all:,} samples" if rechecked.n_all else ""


def _listed(samples: Sequence[str]) -> str:
    more = " …" if len(samples) > _FEW else ""
    return f": {', '.join(samples[:_FEW])}{more}" if samples else ""


def reuse_signal(uses: int) -> Signal:
    """How many candidates this version of the data has judged: each of them learns a little from the verdicts."""
    return Signal(
        name="reuse",
        light=above(uses, AMBER_USES, RED_USES),
        statistic="candidates",
        value=float(uses),
        amber=float(AMBER_USES),
        red=float(RED_USES),
        sentence=f"this version of the data has judged {uses:,} candidate{'' if uses == 1 else 's'}",
    )


def moved_signal(snapshots: Sequence[str], judges: Sequence[str]) -> Signal:
    """Whether the baseline's model, or a judge, is another one in the newest run than in the run before.

    Both are oldest first, one a run; an empty text is a run that does not say.
    """
    name, moved = "base model and judge", []
    for what, seen in (("the baseline's model", snapshots), ("a judge", judges)):
        known = [one for one in seen if one]
        if len(known) > 1 and known[-1] != known[-2]:
            moved.append(what)
    if not any(snapshots):
        return unmeasured(name, "not measured: no finished run says which model answered")
    told = f"{' and '.join(moved)} changed between the last two runs: run the baseline again before comparing"
    return Signal(
        name=name, light="amber" if moved else "green", sentence=told if moved else "the same in the last two runs"
    )


def _too_few(systems: Sequence[System]) -> str:
    return f"not measured: it takes {ENOUGH_SYSTEMS} different models on this version of the data; here: {len(systems)}"


def _table(systems: Sequence[System]) -> tuple[NDArray[np.float64], Sequence[str]]:
    """(samples × systems, the samples): only samples that every system has a score on."""
    names = sorted(set.intersection(*(set(one.scores) for one in systems)))
    table = np.array([[one.scores[sample] for one in systems] for sample in names], dtype=np.float64)
    return table.reshape(len(names), len(systems)), names


def _named(names: Sequence[str], chosen: Any) -> list[JsonValue]:
    return [*[one for one, is_one in zip(names, chosen, strict=True) if is_one][:SHOWN]]
