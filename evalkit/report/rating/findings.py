"""What people's ratings say: the `human` block of verdict.json, and the labels judges are measured against."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from evalkit.compare.preference import LEVEL, Part, Preference, preference
from evalkit.report.rating.batch import Key
from evalkit.report.rating.votes import BASELINE, CANDIDATE, SAME, SIGN, Vote, habits, oddities
from evalkit.stats.agreement import agreement
from evalkit.types import Interval

ORDER = (BASELINE, SAME, CANDIDATE)
LABELS: Mapping[str, str] = {CANDIDATE: "first", SAME: "tie", BASELINE: "second"}
"""A preference as a pairwise judge words it, of the candidate's answer beside the baseline's."""
CRITERION = "preference"
MAX_NOTES = 100
TWO = 2


def human_block(key: Key, votes: Sequence[Vote], leaning: Mapping[str, str]) -> dict[str, Any]:
    """The block, ready for JSON; what was not measured is null, with a note.

    `leaning`: rated sample → which side the metric prefers there (`candidate`, `same`, `baseline`); samples it did not
    score on both sides are left out.
    """
    first = [vote for vote in votes if not vote.showing.is_repeat]
    said = _by_sample(first)
    raters = list(dict.fromkeys(vote.rater for vote in votes))
    each = [{"rater": rater} | _with_oddities([v for v in votes if v.rater == rater]) for rater in raters]
    together = habits(votes)
    return {
        "batch": key.batch,
        "asked": sum(stratum.drawn for stratum in key.strata),
        "rated": len(said),
        "alike": key.alike,
        "raters": each,
        "preference": _preference(key, said),
        "both_bad": sum(vote.rating.choice == "both_bad" for vote in first),
        "self_agreement": together["self_agreement"],
        "position": together["position"],
        "median_seconds": together["median_seconds"],
        "agreement": _between_raters(said, raters),
        "metric": _with_metric(key.metric, said, leaning),
        "notes": [_note(vote) for vote in votes if vote.rating.note][:MAX_NOTES],
        "warnings": [f"{row['rater']} {oddity}" for row in each for oddity in row["warnings"]],
    }


def labels(key: Key, votes: Sequence[Vote]) -> list[dict[str, str | float]]:
    """human_labels.jsonl: a line for every first rating, as `evalkit judge calibrate --labels` reads them.

    `verdict` is of the candidate's answer beside the baseline's; `weight`: how many samples of the run it stands for.
    """
    weights = {stratum.name: round(stratum.size / stratum.drawn, 9) for stratum in key.strata if stratum.drawn}
    return [
        {
            "item_id": vote.showing.sample,
            "rater_id": vote.rater,
            "criterion": CRITERION,
            "verdict": LABELS[vote.prefers],
            "role": CANDIDATE,
            "weight": weights[vote.showing.stratum],
        }
        for vote in votes
        if not vote.showing.is_repeat
    ]


def _by_sample(votes: Sequence[Vote]) -> dict[str, list[Vote]]:
    found: dict[str, list[Vote]] = {}
    for vote in votes:
        found.setdefault(vote.showing.sample, []).append(vote)
    return found


def _majority(votes: Sequence[Vote]) -> int:
    """1 where more raters prefer the candidate than the baseline, -1 the other way round, else 0."""
    total = sum(SIGN[vote.prefers] for vote in votes)
    return (total > 0) - (total < 0)


def _preference(key: Key, said: Mapping[str, Sequence[Vote]]) -> dict[str, Any]:
    parts = [Part(name="two equal answers", size=key.alike, signs=(), is_known=True)]
    for stratum in key.strata:
        of = [votes for votes in said.values() if votes[0].showing.stratum == stratum.name]
        shown = [votes[0].showing for votes in of]
        clusters = tuple(showing.cluster or f"\0{showing.sample}" for showing in shown)
        name = "the metric tells the answers apart" if stratum.name == "differs" else "the metric scores both the same"
        signs = tuple(_majority(votes) for votes in of)
        parts.append(Part(name=name, size=stratum.size, signs=signs, clusters=clusters))
    found = preference(parts)
    return {
        "prefers": _settled(found),
        "wins": found.wins,
        "ties": found.ties,
        "losses": found.losses,
        "net_points": _points(found.net),
        "ci95_points": _ends(found.interval),
        "p_value": None if found.p_value is None else round(found.p_value, 9),
        "method": found.method,
        "note": found.note,
    }


def _settled(found: Preference) -> str | None:
    """The side that interval and test both say people prefer, or None."""
    if found.interval is None or found.p_value is None or found.p_value >= 1 - LEVEL:
        return None
    if found.interval.low > 0 and found.wins > found.losses:
        return CANDIDATE
    return BASELINE if found.interval.high < 0 and found.wins < found.losses else None


def _between_raters(said: Mapping[str, Sequence[Vote]], raters: Sequence[str]) -> dict[str, Any]:
    rows = [[{v.rater: v.prefers for v in votes}.get(rater) for rater in raters] for votes in said.values()]
    if len(raters) < TWO:
        return _agreed([], "one rater: how far raters agree takes two")
    return _agreed(rows, "no sample was rated by two raters")


def _with_metric(metric: str, said: Mapping[str, Sequence[Vote]], leaning: Mapping[str, str]) -> dict[str, Any]:
    word = {sign: side for side, sign in SIGN.items()}
    rows = [[word[_majority(votes)], leaning[sample]] for sample, votes in said.items() if sample in leaning]
    return {"name": metric} | _agreed(rows, "the metric scored both sides on none of the rated samples")


def _agreed(rows: Sequence[Sequence[Hashable | None]], why_none: str) -> dict[str, Any]:
    found = agreement(rows, ORDER, "nominal") if rows else None
    if found is None or not found.n_items:
        return dict.fromkeys(("percent", "kappa", "ac1", "ac1_ci95", "alpha")) | {"n": 0, "note": why_none}
    ends = found.ac1_interval
    return {
        "n": found.n_items,
        "percent": _rounded(found.percent),
        "kappa": _rounded(found.kappa),
        "ac1": _rounded(found.ac1),
        "ac1_ci95": None if ends is None else [_rounded(ends.low), _rounded(ends.high)],
        "alpha": _rounded(found.alpha),
        "note": None,
    }


def _with_oddities(votes: Sequence[Vote]) -> dict[str, Any]:
    found = habits(votes)
    return found | {"warnings": oddities(found)}


def _note(vote: Vote) -> dict[str, str]:
    return {
        "sample": vote.showing.sample,
        "rater": vote.rater,
        "prefers": "both bad" if vote.rating.choice == "both_bad" else vote.prefers,
        "note": vote.rating.note,
    }


def _points(share: float | None) -> float | None:
    return None if share is None else round(100 * share, 9)


def _ends(interval: Interval | None) -> list[float | None] | None:
    return None if interval is None else [_points(interval.low), _points(interval.high)]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 9)
