"""What the gate may believe of the judges of a run: what is on record of each, beside the answers it graded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from evalkit.compare.instrument import UNCALIBRATED, UNPROBED, Instrument, Whose
from evalkit.jobs.judging.records import Known
from evalkit.jobs.running.reuse import candidate_fingerprint
from evalkit.judging.calibration_file import Kept
from evalkit.judging.families import family_warnings
from evalkit.judging.items import item_id
from evalkit.judging.looks import looks_of
from evalkit.judging.metric import JudgeMetric
from evalkit.judging.tally import Tally
from evalkit.run.scoring import OutcomesOf
from evalkit.stats.correction import Confusion
from evalkit.types import BASELINE, CANDIDATE, ModelIdentity, Outcome, Response, Sample, Suite

BLOCK = 100
"""Samples whose answers are in memory at a time."""


class Beside(Struct, frozen=True, kw_only=True):
    """The answers that judges graded: this baseline's and the candidate's."""

    suite: Suite
    outcomes: OutcomesOf
    baseline: str
    sides: Mapping[str, str]
    """Role → fingerprint of the model behind it."""


class Trust(Struct, frozen=True, kw_only=True):
    """What a suite makes of a judge: a verdict may rest on it where there is no distrust, or trust all the same."""

    distrust: str
    """Why no verdict may rest on the judge; empty: one may."""
    is_given: bool
    """The suite trusts it all the same."""


def trust_in(metric: JudgeMetric, known: Known, suite: Suite) -> Trust:
    """Whether a verdict of this suite may rest on the judge: the rule of a run, and of its plan."""
    is_waived = not suite.gate.require_judge_calibration
    distrust = "" if is_waived and known.is_measured else known.distrust  # people's labels still correct it
    # Whoever trusts a judge unmeasured has not thereby said that it may grade its own kind.
    kin = "" if known.is_measured else next(family_warnings(metric.spec, metric.name, suite.models[CANDIDATE]), "")
    return Trust(
        distrust=f"{distrust}. {kin.removesuffix('.')}" if kin else distrust,
        is_given=is_waived and not kin and not known.is_forgeable,
    )


def sides_of(suite: Suite, identities: Mapping[str, ModelIdentity]) -> dict[str, str]:
    """Role → fingerprint of the model that answers under it: what labels of its answers are about."""
    return {role: candidate_fingerprint(spec, identities.get(role)) for role, spec in suite.models.items()}


def instruments_of(
    judges: Iterable[tuple[JudgeMetric, Tally, Known]], suite: Suite, outcomes: OutcomesOf, sides: Mapping[str, str]
) -> dict[str, dict[str, Instrument]]:
    """By baseline, then by metric: what the gate needs to know of the judge."""
    found = list(judges)
    return {
        baseline: {
            metric.name: _instrument(
                metric, tally, known, Beside(suite=suite, outcomes=outcomes, baseline=baseline, sides=sides)
            )
            for metric, tally, known in found
        }
        for baseline in suite.baselines
    }


def _instrument(metric: JudgeMetric, tally: Tally, known: Known, beside: Beside) -> Instrument:
    own: dict[str, tuple[float, float, float]] = {}
    looks: dict[str, tuple[float, ...]] = {}
    alike: set[str] = set()
    suite, is_pair = beside.suite, metric.spec.mode == "pairwise"
    for start in range(0, len(suite.samples), BLOCK):
        block = suite.samples[start : start + BLOCK]
        found = beside.outcomes([sample.id for sample in block])
        for sample in block:
            before, after = (_text(found.get((role, sample.id), ())) for role in (beside.baseline, CANDIDATE))
            if before is None or after is None:
                continue
            pairs = zip(looks_of(before), looks_of(after), strict=True)
            looks[sample.id] = tuple(theirs - mine for mine, theirs in pairs)
            if is_pair and before.split() == after.split():
                alike.add(sample.id)
            said = _said(metric, known.kept, sample, (beside.baseline, before), after)
            if said is not None:
                own[sample.id] = said
    trust = trust_in(metric, known, suite)
    return Instrument(
        judge=metric.spec.id,
        distrust=trust.distrust,
        code=UNPROBED if known.state == "unprobed" else UNCALIBRATED,
        confusion=_confusion(known.kept, beside.baseline),
        whose=_whose(known.kept, beside),
        own=own,
        is_pair=is_pair,
        alike=frozenset(alike),
        looks=looks,
        asked=tally.asked,
        unread=tally.asked - tally.graded,
        is_trusted=trust.is_given,
    )


def _confusion(kept: Kept | None, baseline: str) -> dict[str, Confusion]:
    """The judge's errors on this baseline's and the candidate's answers, and on those of nobody in particular."""
    named = {baseline: BASELINE, CANDIDATE: CANDIDATE, "": ""}
    return {} if kept is None else {named[role]: table for role, table in kept.confusion.items() if role in named}


def _whose(kept: Kept | None, beside: Beside) -> Whose:
    """Whether the labels are about answers of the models that are compared here."""
    if kept is None or not kept.sides:
        return "unknown"
    is_known = all(kept.sides.get(role) == beside.sides.get(role) for role in (beside.baseline, CANDIDATE))
    return "these" if is_known else "others"


def _said(
    metric: JudgeMetric, kept: Kept | None, sample: Sample, base: tuple[str, str], after: str
) -> tuple[float, float, float] | None:
    """People's grades of these very answers (`base`: the baseline's name and answer), and how many they stand for."""
    if kept is None:
        return None
    (baseline, before), of = base, kept.own.get(CANDIDATE, {})
    if metric.spec.mode == "pairwise":
        pair = of.get(item_id(sample.id, after, before))
        return None if pair is None else (1.0 - pair[0], pair[0], pair[1])
    found = of.get(item_id(sample.id, after)), kept.own.get(baseline, {}).get(item_id(sample.id, before))
    return None if found[0] is None or found[1] is None else (found[1][0], found[0][0], found[0][1])


def _text(outcomes: Sequence[Outcome]) -> str | None:
    return outcomes[0].text if outcomes and isinstance(outcomes[0], Response) else None
