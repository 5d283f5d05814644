"""Each baseline alone, and the baseline against itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalkit.compare.noise import NoiseFloor
from evalkit.report.costs import cost_document, latency_document
from evalkit.report.document.evidence import flip_counts, identity_document, tally_document
from evalkit.report.document.facts import Compared, RunFacts
from evalkit.report.document.figures import points, rounded
from evalkit.report.document.gate import primary_document, reason_rows
from evalkit.types import BASELINE

NOISE_NOT_ASKED = "not measured: `evalkit run SUITE --noise-floor` asks the baseline a second time"


def baselines_block(facts: RunFacts) -> Mapping[str, Any]:
    """Which baseline decides, what came of each, and the noise floor."""
    return {
        "against": facts.against,
        "baselines": {name: _compared(found, facts) for name, found in facts.compared.items()},
        **_noise(facts.noise_floor),
    }


def _compared(found: Compared, facts: RunFacts) -> dict[str, Any]:
    """One baseline: the verdict against it alone, and its own figures."""
    verdict, table, suite = found.verdict, found.table, found.suite
    seed = str(facts.provenance.get("suite_fingerprint"))
    return {
        "verdict": verdict.status,
        "exit_code": verdict.exit_code,
        "reasons": reason_rows(verdict),
        "primary": primary_document(verdict, suite),
        "flips": flip_counts(found.flips),
        "outcomes": tally_document(table.tallies[BASELINE]),
        "identity": identity_document(found.identity) if found.identity is not None else {},
        "cost": cost_document(table, suite, found.costs)[BASELINE],
        "latency": latency_document(table, seed)[BASELINE],
    }


def _noise(floor: NoiseFloor | None) -> dict[str, Any]:
    """The baseline against itself: null with a reason beside it where that was not measured."""
    found = None if floor is None else floor.found
    if floor is None or found is None or found.delta_points is None:
        note = NOISE_NOT_ASKED if found is None else found.note or "not measured"
        return {"noise_floor": None, "noise_floor_note": note}
    told = {
        "metric": found.metric,
        "delta_points": points(found.delta_points),
        "ci95_points": [points(found.ci95.low), points(found.ci95.high)] if found.ci95 else None,
        "n": found.n,
        "equal_answers": rounded(floor.equal_answers),
    }
    return {"noise_floor": told, "noise_floor_note": None}
