"""Whose error rates undo a judge's errors: each side's own, both sides' together, or nobody's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evalkit.compare.instrument import FEWEST_OWN, Instrument
from evalkit.stats.correction import Confusion, differs_by_side
from evalkit.types import BASELINE, CANDIDATE

FEWEST_PER_CLASS = 20
"""Labelled good, and bad, answers of a side below which its own error rates are not known."""
DIFFERENT = 0.05
"""Fisher's p below which a judge errs differently on the two sides."""
Tables = Mapping[str, Confusion] | Confusion
"""One by role, or one for both sides."""


def rates_of(by: Instrument, *, is_binary: bool) -> tuple[Tables, str] | str:
    """Whose error rates to correct by, and in words; a sentence where none would do."""
    if by.is_pair or not is_binary:
        what = "it compares answers in pairs" if by.is_pair else "its scores are graded, not right or wrong"
        return (
            f"{what}, and only people's verdicts on {FEWEST_OWN} or more of this run's own samples can correct that "
            "(evalkit judge calibrate --run)"
        )
    pooled = Confusion()
    for table in by.confusion.values():
        pooled = pooled.plus(table)
    if min(pooled.good, pooled.bad) < FEWEST_PER_CLASS:
        return f"people labelled only {_counts(pooled)} answers; at least {FEWEST_PER_CLASS} each"
    sides = {role: by.confusion.get(role, Confusion()) for role in (BASELINE, CANDIDATE)}
    fewest = min(count for table in sides.values() for count in (table.good, table.bad))
    differing = [p for p in differs_by_side(sides[BASELINE], sides[CANDIDATE]) if p is not None and p < DIFFERENT]
    if by.whose == "others" and fewest > 0:
        return _of_others(pooled, differing)
    if fewest >= FEWEST_PER_CLASS:
        return sides, _each_side(sides, differing, by)
    return _pooled(by, pooled, sides, differing)


def _each_side(sides: Mapping[str, Confusion], differing: Sequence[float], by: Instrument) -> str:
    # Not pooled where no difference is seen either: with a few hundred labels that is seen too late, and intervals
    # that pool then hold the truth in 89 % of simulated runs instead of 95 % (docs/judging.md).
    n = sum(table.good + table.bad for table in sides.values())
    seen = f"; it errs differently on them, Fisher's p = {min(differing):.3f}" if differing else ""
    whose = "; that these models gave them is not on record" if by.whose == "unknown" else ""
    return f"its error rates on {n:.4g} labelled answers (Rogan–Gladen, each side by its own{seen}{whose})"


def _pooled(
    by: Instrument, pooled: Confusion, sides: Mapping[str, Confusion], differing: Sequence[float]
) -> tuple[Tables, str] | str:
    """One correction for both sides, provided that nothing speaks against it."""
    fewest = min(count for table in sides.values() for count in (table.good, table.bad))
    if differing:
        return (
            f"it errs differently on the two sides (Fisher's p = {min(differing):.3f}), so that one correction for "
            f"both would be wrong, and for one each there are too few labels: {fewest:.4g} of the rarest kind, at "
            f"least {FEWEST_PER_CLASS} are needed"
        )
    if "" not in by.confusion and fewest == 0:
        counts = ", ".join(f"{_counts(table)} answers of the {role}" for role, table in sides.items())
        return (
            f"people labelled {counts}, so that nothing tells whether it errs alike on both; at least "
            f"{FEWEST_PER_CLASS} good and {FEWEST_PER_CLASS} bad ones of each are needed"
        )
    n = pooled.good + pooled.bad
    told = f"its error rates on {n:.4g} labelled answers (Rogan–Gladen, taken to be the same on both sides)"
    return pooled, told


def _of_others(pooled: Confusion, differing: Sequence[float]) -> tuple[Tables, str] | str:
    """Error rates that were counted on other models' answers: a candidate's are its own, and here they are not known.

    Where the judge erred alike on the two models that were labelled, it is taken to err so on a third one too.
    """
    if differing:
        return (
            f"people labelled answers of other models than these, on which it erred differently from model to model "
            f"(Fisher's p = {min(differing):.3f}), so that nothing tells how it errs on these: label answers of this "
            "run (evalkit judge calibrate --run)"
        )
    n = pooled.good + pooled.bad
    told = f"its error rates on {n:.4g} labelled answers of other models (Rogan–Gladen, taken to be the same here)"
    return pooled, told


def _counts(table: Confusion) -> str:
    return f"{table.good:.4g} good and {table.bad:.4g} bad"
