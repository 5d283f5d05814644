"""What evidence must look like before a verdict may rest on it. A failed check is `invalid`, never a lost point."""

from __future__ import annotations

from collections.abc import Iterable

from evalkit.compare.failures import told
from evalkit.types import Comparison, Reason, ValiditySpec
from evalkit.types.table import ScoreTable, Tally


def broken_evidence(table: ScoreTable, primary: Comparison, asked: ValiditySpec, *, is_main: bool) -> list[Reason]:
    """The blocking reasons for which this suite's answers support no verdict; empty when they are fine."""
    if not is_main and _is_unrecorded(table):
        return []  # recorded answers that do not cover a guard suite: the guard says "not measured"
    reasons: list[Reason] = []
    where = "" if is_main else f" in guard suite {table.suite}"
    for role, tally in table.tallies.items():
        reasons += _side(role, tally, asked, where)
    reasons += _coverage(table, asked, where)
    if is_main:
        reasons += too_small(table, primary, asked)
    return reasons


def _is_unrecorded(table: ScoreTable) -> bool:
    return all(tally.kinds == {"not_recorded": tally.planned} for tally in table.tallies.values())


def _side(role: str, tally: Tally, asked: ValiditySpec, where: str) -> Iterable[Reason]:
    if tally.planned and tally.failed / tally.planned > asked.max_error_rate:
        share = 100.0 * tally.failed / tally.planned
        yield _invalid(
            "ERROR_RATE",
            f"{share:.1f} % of the {role}'s requests{where} got no answer ({told(tally) or 'none recorded'}); "
            f"at most {100 * asked.max_error_rate:g} % may",
        )
    if tally.planned and tally.truncated / tally.planned > asked.max_truncated:
        share = 100.0 * tally.truncated / tally.planned
        yield _invalid(
            "TRUNCATION",
            f"{share:.1f} % of the {role}'s answers{where} were cut at max_tokens before they said anything that can "
            f"be scored; at most {100 * asked.max_truncated:g} % may. Raise generation.max_tokens",
        )


def _coverage(table: ScoreTable, asked: ValiditySpec, where: str) -> Iterable[Reason]:
    planned = len(table.sample_ids)
    if planned and table.both_answered / planned < asked.min_pair_coverage:
        yield _invalid(
            "PAIR_COVERAGE",
            f"only {table.both_answered} of {planned} samples{where} were answered by both sides; "
            f"at least {100 * asked.min_pair_coverage:g} % must be",
        )


def too_small(table: ScoreTable, primary: Comparison, asked: ValiditySpec) -> Iterable[Reason]:
    """The blocking reasons for which a primary metric has too little to be judged by."""
    if primary.delta_points is None:
        yield _invalid("TOO_FEW_SAMPLES", primary.note or "the primary metric could not be measured")
    elif primary.n < asked.min_n:
        these = "1 scored pair is" if primary.n == 1 else f"{primary.n} scored pairs are"
        yield _invalid("TOO_FEW_SAMPLES", f"{these} too few to judge by; at least {asked.min_n}")
    if table.clusters is not None and primary.n_clusters < asked.min_clusters:
        yield _invalid(
            "TOO_FEW_CLUSTERS",
            f"the pairs fall into {primary.n_clusters} {'cluster' if primary.n_clusters == 1 else 'clusters'}, "
            f"too few to judge by; at least {asked.min_clusters}",
        )


def _invalid(code: str, detail: str) -> Reason:
    return Reason(code=code, is_blocking=True, detail=detail)
