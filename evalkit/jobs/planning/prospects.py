"""What a suite's samples can decide and what they cannot: gate, guards, slices, checks of evidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct, structs, to_builtins

from evalkit.compare.guards import MIN_TIMED, ratio_name
from evalkit.compare.outlook import effective_n, gain, mixed_n, no_loss
from evalkit.errors import EvalkitError
from evalkit.jobs.recorded import find_run
from evalkit.numbers import percent
from evalkit.stats.intervals import zero_failures_bound
from evalkit.stats.power import upper_discordance
from evalkit.types import GuardSpec, MetricSpec, Suite

ASSUMED = (0.10, 0.20, 0.30)
ASSUMED_FOR_GUARDS = (0.05, 0.10, 0.20)
"""Guards watch what the tuning was not about, so their sides disagree on less."""
ALIKE = 0.1
"""The correlation within a cluster that stands for "somewhat alike" in words about clusters."""
_BINARY = frozenset(
    {"exact_match", "accuracy", "json_schema", "contains", "not_contains", "regex", "length", "numeric", "refusal"}
    | {"sql"}
)


class LastRun(Struct, frozen=True, kw_only=True):
    """What the newest finished run of the suite measured of the sides' disagreement."""

    run: str
    discordance: float | None
    """Of the primary metric."""
    guards: Mapping[str, float]
    """guard's name → discordance"""


def last_run(suite: Suite, out: Path) -> LastRun | None:
    """The newest finished run of this suite in `out`; None when there is none that can be read."""
    try:
        found = find_run(suite.name, out)
        document = found.document
        guards = {}
        for guard in document.get("guards") or ():
            seen = guard.get("comparison") or {}
            if seen.get("n"):
                guards[str(guard["name"])] = (seen["improved"] + seen["worsened"]) / seen["n"]
        primary = document.get("primary") or {}
        return LastRun(run=str(document["run"]), discordance=primary.get("discordance"), guards=guards)
    except (EvalkitError, OSError, KeyError, TypeError, AttributeError):
        return None  # an old or damaged report is no reason to refuse a plan


def detects(suite: Suite, last: LastRun | None) -> dict[str, Any]:
    """What the primary metric can find at assumed discordances, and at the last run's."""
    # What the primary metric is judged at, where alpha is shared out over uses or over several metrics.
    strict = structs.replace(suite.gate, alpha=suite.gate.primary_alpha)
    suite = structs.replace(suite, gate=strict)
    gate, n = suite.gate, len(suite.samples)
    metric = next(m for m in suite.metrics if m.name == gate.primary.metric)
    measured = last.discordance if last is not None else None
    shares = [(psi, "assumed") for psi in ASSUMED]
    if measured:
        shares.append((measured, "last run"))
    rows = [{"from": source, **_row(suite, psi)} for psi, source in shares]
    if measured:
        # As in the report: numbers of samples are planned with what the discordance may well be, its upper bound.
        careful = _row(suite, upper_discordance(round(measured * n), n))
        rows[-1] |= {key: value for key, value in careful.items() if key.startswith("n_")}
    return {
        "metric": metric.name,
        "is_binary": metric.type in _BINARY,
        "n": n,
        "intent": gate.intent,
        "alpha": gate.alpha,
        "min_delta": gate.primary.min_delta if gate.intent == "quality" else None,
        "evidence": gate.primary.evidence,
        "margin": None if gate.intent == "quality" else gate.noninferiority_margin,
        "rows": rows,
        "note": " ".join(filter(None, (_graded(metric), _others(suite), _mixed(suite)))) or None,
        "clusters": _clusters(suite),
    }


def _others(suite: Suite) -> str | None:
    """What further primary metrics do to these figures."""
    asked = suite.gate.primary
    if not asked.others:
        return None
    names = ", ".join(asked.others)
    if asked.require == "all":
        return f"{names} must pass too: together they do less often than each by itself"
    return f"{names} may pass instead: each is judged at alpha {suite.gate.alpha:.3g}, with which these are worked out"


def _mixed(suite: Suite) -> str | None:
    """What the production mix does to these figures, where the samples are mixed otherwise."""
    shares, n = suite.gate.slices.weights, len(suite.samples)
    worth = mixed_n(shares, _slice_counts(suite)) if shares else None
    if worth is None or worth >= n:
        return None
    return (
        f"The gate decides on the production mix, in which {n:,} samples mixed like these are worth about {worth:,}. "
        "The figures above are for samples mixed like the traffic"
    )


def _row(suite: Suite, discordance: float) -> dict[str, Any]:
    gate, n = suite.gate, len(suite.samples)
    if gate.intent == "quality":
        return structs.asdict(gain(gate, n, discordance))
    return structs.asdict(no_loss(gate.noninferiority_margin, n, discordance, gate.alpha))


def guards(main: Suite, others: Mapping[str, Suite], last: LastRun | None) -> list[dict[str, Any]]:
    """What each guard can settle. Names are those of the report."""
    return [_guard(spec, main, others, last) for spec in main.gate.guards]


def _guard(spec: GuardSpec, main: Suite, others: Mapping[str, Suite], last: LastRun | None) -> dict[str, Any]:
    suite = others[str(spec.suite)] if spec.suite is not None else main
    n = len(suite.samples)
    if spec.kind == "zero_tolerance":
        return _must_pass(spec, suite, main)
    if spec.kind != "metric":
        note = _unmeasurable(spec, main)
        return {"name": ratio_name(spec), "kind": spec.kind, "n": n, "max_ratio": spec.max_ratio, "note": note}
    name = f"{suite.name} · {spec.metric}" if spec.suite is not None else str(spec.metric)
    shares = [(psi, "assumed") for psi in ASSUMED_FOR_GUARDS]
    if last is not None and last.guards.get(name):
        shares.append((last.guards[name], "last run"))
    rows = [{"from": source, **to_builtins(no_loss(spec.margin, n, psi, main.gate.alpha))} for psi, source in shares]
    note = "a margin of 0: one sample that gets worse is enough to keep it from holding" if spec.margin <= 0 else None
    return {"name": name, "kind": "metric", "n": n, "margin": spec.margin, "rows": rows, "note": note}


def _must_pass(spec: GuardSpec, suite: Suite, main: Suite) -> dict[str, Any]:
    n = len(spec.must_pass) or len(suite.samples)
    if spec.slice is not None:
        n = sum(spec.slice in {f"{c}={v}" for c, v in sample.slices.items()} for sample in suite.samples)
    where = f"{suite.name} · " if spec.suite is not None else ""
    note = f"without a failure among {n:,} of them, up to {percent(zero_failures_bound(n, main.gate.alpha))} may fail"
    return {"name": f"{where}{spec.metric}, must pass", "kind": spec.kind, "n": n, "note": note}


def _unmeasurable(spec: GuardSpec, suite: Suite) -> str | None:
    if spec.kind == "cost":
        unpriced = [side.role for side in suite.models.values() if side.price is None]
        return f"cannot be measured: no price for {' and '.join(unpriced)}" if unpriced else None
    if len(suite.samples) < MIN_TIMED:
        return f"it cannot block: that takes {MIN_TIMED} pairs timed live, and answers from the cache are not timed"
    return "only live answers are timed: run with --no-cache to be sure of enough"


def small_slices(suite: Suite) -> list[dict[str, Any]]:
    """Slices with too few samples to be judged: [{slice, n, min_n}], smallest first."""
    counts = _slice_counts(suite)
    least = suite.gate.slices.min_n
    return [
        {"slice": name, "n": n, "min_n": least}
        for name, n in sorted(counts.items(), key=lambda item: (item[1], item[0]))
        if n < least
    ]


def _slice_counts(suite: Suite) -> Counter[str]:
    return Counter(f"{column}={value}" for sample in suite.samples for column, value in sample.slices.items())


def hopeless(suite: Suite) -> Iterator[str]:
    """Sentences about checks of evidence that this suite cannot pass, or passes only if nothing goes wrong."""
    asked, n = suite.gate.validity, len(suite.samples)
    if n < asked.min_n:
        yield f"every run will end invalid: {n} samples, and validity.min_n asks for {asked.min_n}"
    clusters = {sample.cluster for sample in suite.samples if sample.cluster is not None}
    if clusters and len(clusters) < asked.min_clusters:
        yield (
            f"every run will end invalid: {len(clusters)} clusters, and validity.min_clusters asks for "
            f"{asked.min_clusters}"
        )
    allowed = min(asked.max_error_rate, 1.0 - asked.min_pair_coverage)
    if n >= asked.min_n and allowed * n < 1.0 - 1e-9:
        yield (
            f"a single request without an answer makes a run invalid: {100 * allowed:g} % of {n} samples is less than "
            "one (validity.max_error_rate, validity.min_pair_coverage)"
        )
    if suite.gate.primary.evidence == "none":
        yield "evidence: none lets a gain ship that may be chance"


def caps_too_low(suite: Suite, requests: int, tokens: int, usd: float | None) -> Iterator[str]:
    """Sentences about caps in `run:` that would stop this run before its end."""
    caps: Sequence[tuple[str, float | None, float | None]] = (
        ("max_requests", suite.run.max_requests, requests),
        ("max_tokens", suite.run.max_tokens, tokens),
        ("max_usd", suite.run.max_usd, usd),
    )
    for name, cap, need in caps:
        if cap is not None and need is not None and need > cap:
            yield f"run.{name} {cap:g} may stop the run: it may need {need:,.4g}"
        if cap is not None and need is None:
            yield f"run.{name} {cap:g} cannot stop a side without a price: name prices, or use max_tokens"


def _graded(metric: MetricSpec) -> str | None:
    if metric.type in _BINARY:
        return None
    return (
        f"{metric.name} is graded: read 10, 20, 30 % as pairs that differ by 32, 45, 55 points (root mean square); "
        "an approximation"
    )


def _clusters(suite: Suite) -> dict[str, Any] | None:
    names = {sample.cluster for sample in suite.samples if sample.cluster is not None}
    if not names:
        return None
    alone = sum(sample.cluster is None for sample in suite.samples)
    n, groups = len(suite.samples), len(names) + alone
    worth = effective_n(n, groups, ALIKE)
    words = (
        f"{n:,} samples in {groups:,} clusters are worth between {groups:,} and {n:,} independent ones, by how alike "
        f"the answers within a cluster are; somewhat alike (correlation {ALIKE:g}): {worth:,}. The figures above are "
        "for independent samples"
    )
    return {"n_clusters": groups, "effective_n": worth, "correlation": ALIKE, "note": words}
