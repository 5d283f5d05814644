"""The evidence looked at before it is judged: training data, age, and whatever plug-ins look for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field, structs

from evalkit.hygiene.freshness import Freshness, freshness
from evalkit.hygiene.leakage import Leakage, moment
from evalkit.plugins import inspected, origin_of
from evalkit.types import CheckAction, Finding, Reason, Sample, Suite

if TYPE_CHECKING:  # loaded where a suite names training data
    from evalkit.hygiene.contamination import Contamination, Evidence
    from evalkit.jobs.running.training import Onlooker, Rows, TrainingData
    from evalkit.run.progress import Progress

SHOWN = 20
"""Samples a verdict names per check."""
NAMED = 50
"""Samples whose evidence of having been trained on stands in a verdict; `evalkit check --json` has it of all."""


class Checked(Struct, frozen=True, kw_only=True):
    """A suite after its checks: what is left to judge by, and what is to be said."""

    suite: Suite
    """Without the samples that a check with `action: clean` found."""
    contamination: Mapping[str, Any]
    """For verdict.json; empty when the suite names no training data."""
    freshness: Mapping[str, Any]
    """For verdict.json."""
    states: Mapping[str, str] = field(default_factory=dict)
    """Samples that training data makes dirty or suspect, by id."""
    checks: tuple[Mapping[str, Any], ...] = ()
    """One entry per plug-in check, for verdict.json."""
    blocking: tuple[Reason, ...] = ()
    warnings: tuple[str, ...] = ()


def refuse_unreadable(suite: Suite) -> None:
    """Raises UsageError for what the checks would only meet after everything was asked and paid for."""
    for check in suite.checks:
        inspected(check, suite)
    if suite.training_data:
        from evalkit.jobs.running import training

        training.refuse_unreadable(suite)
    if suite.training_data and suite.hygiene.semantic is not None:
        from evalkit.jobs.running.semantic import refuse_unreachable

        refuse_unreachable(suite, suite.hygiene.semantic)


def checked(suite: Suite, question: Callable[[Sample], str], created: str = "") -> Checked:
    """Runs every check the suite asks for. `question` is the text a sample asks, as the candidate is sent it.

    `created`: when the run was, ISO 8601; empty: now. Raises UsageError, with the entry's line, for a plug-in check
    that fails itself.
    """
    age = age_of(suite, moment(created) or dt.datetime.now(dt.UTC))
    blocking, warnings = age_findings(age)
    state = Checked(suite=suite, contamination={}, freshness=age.document(), blocking=blocking, warnings=warnings)
    if suite.training_data:
        from evalkit.jobs.running.training import rows_of

        found = looked_through(suite, question, rows_of(suite.training_data, suite))
        state = _acted_on_training(state, found)
    for spec in suite.checks:
        finding = inspected(spec, suite)
        told = {
            "check": spec.type,
            "from": origin_of("checks", spec.type),
            "action": spec.action,
            "found": len(finding.samples),
            "detail": finding.detail,
            "samples": dict(list(finding.samples.items())[:SHOWN]),
        }
        state = structs.replace(state, checks=(*state.checks, told))
        state = _acted(state, finding, spec.action, "CHECK_FAILED")
    return state


def looked_through(
    suite: Suite,
    question: Callable[[Sample], str],
    rows: Rows,
    onlookers: tuple[Onlooker, ...] = (),
    progress: Progress | None = None,
) -> TrainingData:
    """The rows held against the samples in every way that the suite asks for.

    Raises UsageError for rows that cannot be read, and ExecutionError where a model of `checks.semantic` fails.
    """
    if suite.hygiene.semantic is not None:
        from evalkit.jobs.running.semantic import look_closer

        return look_closer(suite, question, rows, onlookers, progress)
    from evalkit.jobs.running.training import look_through

    return look_through(suite, question, rows, onlookers)


def age_of(suite: Suite, now: dt.datetime) -> Freshness:
    """How old the suite's samples are."""
    asked = suite.hygiene
    return freshness(suite.samples, max_age_days=asked.max_age_days, column=asked.time_column, now=now)


def age_findings(age: Freshness) -> tuple[tuple[Reason, ...], tuple[str, ...]]:
    """(what makes the evidence invalid, warnings): staleness counts only where the suite says how old is too old."""
    if age.max_age_days is None:
        return (), ()
    if age.age_days is None:
        return (), (f"checks.freshness: {age.note}.",)
    if age.age_days < -1.0:
        told = f"the newest sample is dated {-age.age_days:,.0f} days ahead ({age.newest})"
        return (), (f"checks.freshness: {told}, so it does not say how old the samples are.",)
    if age.is_stale:
        detail = (
            f"the newest sample is {age.age_days:,.0f} days old and checks.freshness.max_age_days is "
            f"{age.max_age_days:,g}: add samples of what is asked today"
        )
        return (Reason(code="STALE_SUITE", is_blocking=True, detail=detail),), ()
    return (), ()


def training_document(found: TrainingData, most: int | None = NAMED) -> dict[str, Any]:
    """The training data's part of verdict.json, with the evidence of at most so many samples; None: of all."""
    return found.contamination.document(most) | {"leakage": found.leakage.document()}


def semantic_findings(found: Contamination) -> tuple[str, ...]:
    """A warning where paraphrases were to be looked for and could not be."""
    asked = found.semantic
    if asked is None or asked.is_checked:
        return ()
    return (f"checks.semantic: paraphrases and translations were not looked for: {asked.note}.",)


def contaminated(found: Contamination, max_dirty_share: float) -> str | None:
    """Why the samples cannot be taken as held out, in words; None where few enough are dirty."""
    dirty = found.named("dirty")
    if not dirty or (not found.n_exact and len(dirty) <= max_dirty_share * found.n_samples):
        return None
    return sentence(found)


def sentence(found: Contamination) -> str:
    """How many samples stand in the training data, and which."""
    dirty = found.named("dirty")
    told = f"{len(dirty):,} of {found.n_samples:,} held-out samples stand in the training data"
    if len(dirty) == found.n_samples:
        told += " (all of them: is it the held-out data itself?)"
    how = f", {found.n_exact:,} of them word for word" if 0 < found.n_exact < len(dirty) else ""
    retold = sum(e.layer == "semantic" for e in dirty.values())
    how += f", {retold:,} of them in other words" if retold else ""
    examples = ", ".join(f"{sample} ({e.where})" for sample, e in list(dirty.items())[:3])
    return f"{told}{how}: {examples}"


def leak_findings(found: Leakage, later_training: str) -> tuple[tuple[Reason, ...], tuple[str, ...]]:
    """(what makes the evidence invalid, warnings) of groups and times that both sides share."""
    blocking: list[Reason] = []
    warnings: list[str] = []
    if found.groups:
        first = found.groups[0]
        detail = (
            f"{len(found.groups):,} groups stand on both sides, with {len(found.samples):,} samples: {first.key}="
            f"{first.value[:60]} is in {first.training_rows:,} training rows ({first.first_row}) and in sample "
            f"{first.samples[0]}; `evalkit split --by group` keeps groups together"
        )
        blocking.append(Reason(code="GROUP_LEAK", is_blocking=True, detail=detail))
    if found.absent:
        warnings.append(
            f"checks.group_keys: no training row has {', '.join(found.absent)}, so groups could not be compared by it."
        )
    if found.unheld:
        warnings.append(
            f"checks.group_keys: no sample has {', '.join(found.unheld)}, so groups could not be compared by it."
        )
    if found.not_later:
        detail = (
            f"{found.not_later:,} of {found.timed:,} samples are no younger than the newest training row "
            f"({found.newest_training}): the candidate may have been trained on what came after them"
        )
        if later_training == "fail":
            blocking.append(Reason(code="TIME_LEAK", is_blocking=True, detail=detail))
        else:
            warnings.append(f"{detail}.")
    return tuple(blocking), tuple(warnings)


def _acted_on_training(state: Checked, found: TrainingData) -> Checked:
    suite, overlap = state.suite, found.contamination
    blocking, warnings = leak_findings(found.leakage, suite.hygiene.later_training)
    states = {sample: kept[0].state for sample, kept in overlap.evidence.items()}
    state = structs.replace(
        state,
        contamination=training_document(found) | {"action": suite.contamination},
        states=states,
        blocking=state.blocking + blocking,
        warnings=state.warnings + warnings + semantic_findings(overlap),
    )
    # What only looks alike, with nobody to read it, is most often clean: it is told and counted apart, not acted on.
    taken = {sample: where for sample, where in states.items() if sample not in overlap.unread}
    if not taken:
        return structs.replace(state, warnings=(*state.warnings, f"{words_of(overlap)}.")) if states else state
    if suite.contamination == "fail" or len(taken) == len(suite.samples):
        # Without a clean sample there is nothing left to judge by, whatever was to be done.
        why = contaminated(overlap, suite.hygiene.max_dirty_share)
        if why is None and len(taken) == len(suite.samples):
            why = f"no sample is clean: {sentence(overlap)}"
        if why is not None:
            return _blocked(state, "CONTAMINATED", why)
    if suite.contamination == "clean":
        return _without(state, {sample: overlap.evidence[sample][0].where for sample in taken}, words_of(overlap))
    return structs.replace(state, warnings=(*state.warnings, f"{words_of(overlap)}."))


def words_of(found: Contamination) -> str:
    """What is not clean, in a sentence without its full stop."""
    suspect = {sample: e for sample, e in found.named("suspect").items() if e.layer != "semantic"}
    alike = {sample: e for sample, e in found.named("suspect").items() if e.layer == "semantic"}
    told = [sentence(found)] if found.named("dirty") else []
    if alike:
        told.append(_alike(found, alike))
    if suspect:
        examples = ", ".join(f"{sample} ({e.where})" for sample, e in list(suspect.items())[:3])
        told.append(
            f"{len(suspect):,} of {found.n_samples:,} samples are suspect, with a part of them in it: {examples}"
        )
    return "; ".join(told)


def _alike(found: Contamination, alike: Mapping[str, Evidence]) -> str:
    examples = ", ".join(f"{sample} ({e.where})" for sample, e in list(alike.items())[:3])
    why = "which the judge's reply leaves open"
    if found.unread:
        why = "and nobody read the pairs (checks.semantic names no judge), so they are not left out"
    return f"{len(alike):,} of {found.n_samples:,} samples are suspect, close in meaning to a row, {why}: {examples}"


def _acted(state: Checked, finding: Finding, action: CheckAction, code: str) -> Checked:
    """The state after a finding: blocked, without the samples found, or warned."""
    if finding.is_clean:
        return state
    examples = ", ".join(f"{sample} ({why})" if why else sample for sample, why in list(finding.samples.items())[:3])
    detail = ": ".join(filter(None, [finding.detail, examples]))
    if action == "fail":
        return _blocked(state, code, detail)
    if action == "warn" or not finding.samples:
        return structs.replace(state, warnings=(*state.warnings, detail))
    return _without(state, finding.samples, detail)


def _blocked(state: Checked, code: str, detail: str) -> Checked:
    return structs.replace(state, blocking=(*state.blocking, Reason(code=code, is_blocking=True, detail=detail)))


def _without(state: Checked, samples: Mapping[str, str], detail: str) -> Checked:
    """The state without these samples, and with a warning that says so."""
    left = tuple(sample for sample in state.suite.samples if sample.id not in samples)
    warning = f"{detail}; they were left out, and only the {len(left):,} others are judged"
    suite = structs.replace(state.suite, samples=left)
    return structs.replace(state, suite=suite, warnings=(*state.warnings, warning))
