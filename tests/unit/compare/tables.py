"""Score tables made from plain lists, for tests of the comparator."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from evalkit.types import GateSpec, ModelSpec, PrimarySpec, Sample, Scored, Suite
from evalkit.types.table import Column, ScoreTable, Tally


class Exact:
    """A stand-in for an item metric: only its name is used."""

    name = "exact"

    def score(self, answer, sample):
        return Scored(metric="exact", value=1.0)


def column(values):
    """A column; None = unscored."""
    scored = np.array([v is not None for v in values], dtype=bool)
    return Column(
        values=np.array([0.0 if v is None else v for v in values], dtype=float),
        is_scored=scored,
        why={"failed": int((~scored).sum())},
    )


def table(baseline, candidate, *, clusters=None, slices=None, tallies=None, answered=None):
    n = len(baseline)
    full = {role: Tally(planned=n, ok=n) for role in ("baseline", "candidate")}
    return ScoreTable(
        suite="s",
        sample_ids=tuple(str(i) for i in range(n)),
        columns={"baseline": {"exact": column(baseline)}, "candidate": {"exact": column(candidate)}},
        tallies=tallies or full,
        clusters=None if clusters is None else np.array(clusters, dtype=np.intp),
        slices={name: np.flatnonzero(keep) for name, keep in (slices or {}).items()},
        both_answered=n if answered is None else answered,
    )


def suite(**gate):
    primary = gate.pop("primary", PrimarySpec(metric="exact"))
    models = {role: ModelSpec(role=role, backend="outputs") for role in ("baseline", "candidate")}
    return Suite(
        name="s",
        path=Path("suite.yaml"),
        root=Path(),
        samples=(Sample(id="0", fields={}),),
        dataset_path=Path("samples.jsonl"),
        dataset_sha256="0" * 64,
        is_locked=False,
        models=models,
        metrics=(),
        gate=GateSpec(primary=primary, **gate),
    )


def pairs(both, fixed, broken, neither):
    """(baseline, candidate) lists with these four counts."""
    base = [1.0] * both + [0.0] * fixed + [1.0] * broken + [0.0] * neither
    cand = [1.0] * both + [1.0] * fixed + [0.0] * broken + [0.0] * neither
    return base, cand
