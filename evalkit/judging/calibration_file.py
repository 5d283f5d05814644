"""A calibration as a JSON document beside its judge, and what a run reads of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field, structs, to_builtins

from evalkit.judging.calibration import Calibration, CriterionFound
from evalkit.stats.agreement import Agreement
from evalkit.stats.correction import Confusion
from evalkit.types import Interval

SCHEMA = "evalkit.calibration/1"


class Kept(Struct, frozen=True, kw_only=True):
    """What a gate needs to know of a calibration."""

    judge_hash: str
    at: str
    """ISO 8601, UTC."""
    problems: tuple[str, ...]
    """Why no gate may rest on the judge; empty: one may."""
    confusion: Mapping[str, Confusion]
    """By role, "" where labels do not say whose answer it was."""
    own: Mapping[str, Mapping[str, tuple[float, float]]]
    """Role → judged answer's id → (people's grade, weight)."""
    sides: Mapping[str, str] = field(default_factory=dict)
    """Role → fingerprint of the model whose answers were labelled; empty: it is not on record."""
    n_items: int = 0
    """Labelled answers; 0: it is not on record."""
    n_raters: int = 0
    is_bundled: bool = False
    """The labels are those that come with evalkit: about answers of no suite of the user's."""
    figures: tuple[str, ...] = ()
    """How far it agrees with people, one criterion each, in words."""


def kept_of(document: Any) -> Kept:
    """What a gate needs of a calibration document. Raises ValueError for what is none."""
    try:
        if document["schema"] != SCHEMA:
            raise ValueError(f"it is no {SCHEMA} document")
        return Kept(
            judge_hash=str(document["judge_hash"]),
            at=str(document["at"]),
            problems=tuple(map(str, document["problems"])),
            confusion={role: _table(counts) for role, counts in document["confusion"].items()},
            own={
                role: {name: (float(value), float(weight)) for name, (value, weight) in rows.items()}
                for role, rows in document["own"].items()
            },
            sides={str(role): str(model) for role, model in document.get("sides", {}).items()},
            n_items=int(document.get("n_items", 0)),
            n_raters=int(document.get("n_raters", 0)),
            is_bundled=document.get("labels_are_bundled") is True,
            figures=tuple(map(_figures, document.get("criteria") or ())),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"it is damaged: {type(error).__name__} at {error}") from error


def _figures(row: Mapping[str, Any]) -> str:
    """What one criterion's row says of the judge; what is not known is left out.

    >>> _figures({"id": "ok", "sensitivity": 0.868, "judge_people": {"ac1": 0.783}, "people": {"ac1": None}})
    'ok: sensitivity 0.87, AC1 0.78'
    >>> _figures({"id": "ok", "specificity": 0.5})
    'ok: specificity 0.50'
    """
    told = {name: row.get(name) for name in ("sensitivity", "specificity")} | {
        "AC1": (row.get("judge_people") or {}).get("ac1"),
        "AC1 of people among themselves": (row.get("people") or {}).get("ac1"),
    }
    known = [f"{name} {float(value):.2f}" for name, value in told.items() if value is not None]
    return f"{row['id']}: {', '.join(known) or 'too few labels to tell'}"


def _table(counts: Mapping[str, int]) -> Confusion:
    found = Confusion(**{name: float(count) for name, count in counts.items()})
    if not all(0.0 <= count < math.inf for count in (found.tp, found.fn, found.fp, found.tn)):
        raise ValueError("it is damaged: a count that is none")
    return found


def as_document(made: Calibration) -> dict[str, Any]:
    """The calibration as it is written beside its judge; what cannot be told is null."""
    return {
        "schema": SCHEMA,
        "judge": made.judge,
        "version": made.version,
        "judge_hash": made.judge_hash,
        "at": made.at,
        "labels_sha256": made.labels_sha256,
        "labels_are_bundled": made.is_bundled,
        "n_items": made.n_items,
        "n_raters": made.n_raters,
        "n_ungraded": made.n_ungraded,
        "is_gateable": made.is_gateable,
        "problems": list(made.problems),
        "warnings": list(made.warnings),
        "criteria": [_criterion_row(one) for one in made.criteria],
        "confusion": {role: to_builtins(table) for role, table in made.confusion.items()},
        "sides": dict(made.sides),
        "own": {role: {name: list(pair) for name, pair in rows.items()} for role, rows in made.own.items()},
    }


def _criterion_row(one: CriterionFound) -> dict[str, Any]:
    se, sp = one.confusion.intervals(0.95)
    return {
        "id": one.id,
        "n": one.n,
        "sensitivity": one.confusion.sensitivity,
        "sensitivity_ci95": _ends(se),
        "specificity": one.confusion.specificity,
        "specificity_ci95": _ends(sp),
        "confusion": {role: to_builtins(table) for role, table in one.by_role.items()},
        "judge_people": _agreement_row(one.judge_people),
        "people": _agreement_row(one.people),
    }


def _agreement_row(found: Agreement) -> dict[str, Any]:
    row = {name: value for name, value in structs.asdict(found).items() if name != "ac1_interval"}
    return row | {"ac1_ci95": _ends(found.ac1_interval)}


def _ends(found: Interval | None) -> list[float] | None:
    return None if found is None else [found.low, found.high]
