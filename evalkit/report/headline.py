"""The verdict in one sentence, and what to do next, for someone who has never seen the code."""

from __future__ import annotations

from evalkit.compare.primary import gate_error, planned_points
from evalkit.numbers import counted, days, days_within, signed, some_points, usd
from evalkit.report.repeats import repeats_advice
from evalkit.report.text import sentence
from evalkit.stats.multiplicity import mean_when_shipped
from evalkit.types import Comparison, Reason, Suite, Verdict

_SHOWN = 3
"""Slices named in a sentence."""


def headline(verdict: Verdict, suite: Suite) -> str:
    """One or two sentences: what was found on the primary metric and what decided."""
    lead = _lead(verdict.primary)
    blocking = next((r for r in verdict.reasons if r.is_blocking), None)
    if verdict.status == "ship":
        return f"{lead} {_proof(verdict, suite)}"
    if verdict.status in {"invalid", "error"}:
        return sentence(f"These answers support no verdict: {blocking.detail if blocking else 'nothing was compared'}")
    if blocking is None:
        return lead
    return f"{lead} {_turn(blocking, verdict)}"


def _lead(found: Comparison | None) -> str:
    if found is None or found.delta_points is None or found.baseline_points is None or found.candidate_points is None:
        return "Nothing could be compared."
    verb = "gains" if found.delta_points > 0 else "loses" if found.delta_points < 0 else "neither gains nor loses on"
    change = f"{verb} {abs(found.delta_points):.1f} points on" if found.delta_points else verb
    return (
        f"The candidate {change} {found.metric} "
        f"({found.baseline_points:.1f} → {found.candidate_points:.1f}, {_paired_samples(found.n)})."
    )


def _paired_samples(n: int) -> str:
    """The count with its noun, as in: 200 paired samples."""
    return f"{n:,} paired sample{'' if n == 1 else 's'}"


def _proof(verdict: Verdict, suite: Suite) -> str:
    gate, found = suite.gate, verdict.primary
    if gate.intent != "quality":
        ruled_out = f"A loss of more than {some_points(gate.noninferiority_margin)} is ruled out"
        if gate.intent != "cost" or verdict.payback is None or verdict.payback.days is None:
            return f"{ruled_out}."
        paid, asked = verdict.payback.days, verdict.payback.asked_days
        when = days_within(paid.point, paid.low, paid.high)
        return f"{ruled_out}, and the change pays for itself {when}; at most {days(asked)} was asked for."
    low = found.bounds.low if found and found.bounds else 0.0
    bar = f"{gate.primary.min_delta:g}" + _on_which(suite)
    if gate.primary.evidence == "none":
        return f"At least {bar} were asked for; the suite asks for no evidence beyond the measured gain."
    if low >= gate.primary.min_delta:
        return f"At least {bar} were asked for, and the evidence shows at least {low:.1f}."
    above = f"{gate.primary.min_delta:g}"
    wide = ""
    if found and found.ci95 and found.ci95.low <= 0.0 < low:
        level = f"{100 * (1 - gate.primary_alpha):.4g} %"
        wide = f", one-sided at {level} as the gate asks: the two-sided 95 % interval still holds 0"
    return f"At least {bar} were asked for; the evidence shows a gain above 0, not one above {above}{wide}."


def _on_which(suite: Suite) -> str:
    """Of several primary metrics: which of them had to gain."""
    names = suite.gate.primary.metrics
    if len(names) == 1:
        return ""
    listed = f"{', '.join(names[:-1])} and {names[-1]}"
    return f" on each of {listed}" if suite.gate.primary.require == "all" else f" on at least one of {listed}"


def _turn(reason: Reason, verdict: Verdict) -> str:
    if reason.code in {"GUARD_REGRESSED", "SLICE_REGRESSED"}:
        is_gain = verdict.primary is not None and (verdict.primary.delta_points or 0.0) > 0.0
        return sentence(f"{'But' if is_gain else 'And'} {reason.detail}")
    return sentence(f"{reason.detail[:1].upper()}{reason.detail[1:]}")


def advice(verdict: Verdict, suite: Suite, pair_usd: float | None = None) -> list[str]:
    """What would settle it and what to do next, a sentence each; `pair_usd`: what all sides cost for one sample."""
    codes = {reason.code for reason in verdict.reasons}
    # How many would do is not told from a few samples out of many: all of them are there to be asked.
    is_whole = "LIMITED" not in codes
    lines = _how_many(verdict, suite, pair_usd) if is_whole else []
    lines += repeats_advice(verdict)
    if verdict.status == "ship":
        lines.append(_shrinkage(verdict, suite))
    lost = [guard for guard in verdict.guards if guard.state == "regressed"]
    if any(guard.must_pass for guard in lost):
        lines.append(
            "Look at the answers to the samples that may not fail and did: no gain elsewhere makes up for them."
        )
    if lost and all(guard.must_pass for guard in lost):
        codes.discard("GUARD_REGRESSED")
    fallen = [part.name for part in verdict.slices if part.state == "regressed"]
    if "SLICE_REGRESSED" in codes:
        which = " and ".join(fallen[:_SHOWN]) if 0 < len(fallen) <= _SHOWN else "the slices that lost"
        lines.append(f"Filter the samples by {which}: the training data of that kind is the first suspect.")
    for code, told in _NEXT:
        if code in codes and told not in lines:
            lines.append(told)
    lines += [
        f"{guard.name}: about {guard.n_needed:,} pairs would tell whether it {guard.asked}."
        for guard in verdict.guards
        if is_whole and guard.state == "unresolved" and guard.n_needed
    ]
    if suite.gate.primary.evidence == "none":
        lines.append("This suite ships on the measured gain alone (`evidence: none`): chance can pass it.")
    return lines


def _how_many(verdict: Verdict, suite: Suite, pair_usd: float | None) -> list[str]:
    """How many pairs would settle the primary metric, and what the further ones cost."""
    found = verdict.primary
    if not verdict.n_needed or not found:
        return []
    more = verdict.n_needed - found.n
    if suite.gate.intent != "quality":
        told = (
            f"About {verdict.n_needed:,} pairs would tell, four times in five, that an equal candidate loses less than "
            f"{some_points(suite.gate.noninferiority_margin)}; these are {found.n:,}."
        )
    else:
        mde = verdict.mde_points
        shown = f"{counted(found.n, 'pair')} can show a gain of {mde:.1f} points or more; " if mde is not None else ""
        planned = some_points(planned_points(suite.gate))
        told = (
            f"{shown}with about {verdict.n_needed:,} ({more:,} more) a candidate that truly gains {planned} ships four "
            "times in five."
        )
    return [told, *_price(more, pair_usd)]


def _price(pairs: int, pair_usd: float | None) -> list[str]:
    """What so many more samples cost to ask; nothing where a price is not known."""
    if pair_usd is None:
        return []
    return [f"{pairs:,} more samples cost about {usd(pairs * pair_usd)} to ask of both sides, as these were answered."]


def _shrinkage(verdict: Verdict, suite: Suite) -> str:
    """That the gains of what passes a gate are a little too good, by how much here, and what to do about it."""
    gate, found = suite.gate, verdict.primary
    error = gate_error(found) if found else None
    if found is None or error is None or gate.intent != "quality" or gate.primary.evidence != "positive":
        return "Gains measured on the set that chose the model shrink in production: confirm in a canary or A/B test."
    bar = gate.primary.min_delta
    shown = 100.0 * mean_when_shipped(bar / 100.0, error, bar / 100.0, gate.primary_alpha)
    return (
        f"What passes a gate was a little lucky: where the true gain is {some_points(bar)}, runs of {found.n:,} pairs "
        f"like these that ship report {signed(shown)} on average. Confirm in a canary or A/B test."
    )


_NEXT = (
    (
        "REUSE_LIMIT",
        "Collect fresh samples: what was chosen by these often enough says little about any others.",
    ),
    (
        "BELOW_GATE",
        "More samples would not rescue this candidate: improve the data or the recipe, or keep the baseline.",
    ),
    ("REGRESSION", "Look at the broken samples first: they show what the tuning unlearned."),
    ("NO_HEADROOM", "This suite is saturated: make it harder, or gate on cost or regression instead of quality."),
    ("GUARD_REGRESSED", "The gain was paid for elsewhere: look at the guard's own samples before tuning again."),
    (
        "PAYBACK_TOO_LONG",
        "The report's cost section says at how many requests a day it would pay, and what the hours weigh in it.",
    ),
    (
        "PAYBACK_UNSETTLED",
        "More samples narrow the range of the saving; a more careful estimate of the hours may, too.",
    ),
    (
        "PAYBACK_UNKNOWN",
        "It takes prices and token counts of both sides (`models`; `usage` of recorded answers), and `economics`.",
    ),
    ("LIMITED", "Run it again without --limit for a verdict."),
    ("TRUNCATION", "Raise generation.max_tokens, or find out why the answers do not end."),
    ("ERROR_RATE", "Mend what failed and resume the run: only what is missing is asked again."),
    (
        "PAIR_COVERAGE",
        "Resume the run, or record the missing answers: a sample counts only when both sides answered it.",
    ),
    (
        "NO_TEXT",
        "Look at a reply of the server itself: a chat template, a filter or too small a max_tokens may be to blame.",
    ),
    (
        "SAME_MODEL",
        "Check adapter path, served model's name and endpoint of both sides; of recorded answers, the files.",
    ),
    ("SERVED_MODEL_MISMATCH", "Check the model name the server lists under /v1/models."),
    ("CONTAMINATED", "Remove these samples from the training data or from the suite, and tune again."),
    ("MISSING_COULD_DECIDE", "Get the missing answers: as it stands they could turn the verdict."),
)
