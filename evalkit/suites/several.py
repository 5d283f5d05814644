"""`models.baseline` or `models.baselines`: exactly one of them, and names that cannot be taken for anything else."""

from __future__ import annotations

import itertools

from evalkit.suites.diagnostics import Findings, nearest
from evalkit.suites.fields import is_name
from evalkit.suites.shape import Parts
from evalkit.suites.yaml_source import Loc
from evalkit.types import AGAIN, BASELINE, CANDIDATE

MOST = 8
"""Baselines of a suite."""
LONGEST = 60
"""Characters of a baseline's name."""
_RESERVED = {
    BASELINE: "in reports that word means whichever baseline decides",
    CANDIDATE: "that is the side they are compared with",
    AGAIN: "that is what `--noise-floor` calls its second look at a baseline",
}


def check_baselines(parts: Parts, findings: Findings) -> None:
    """Adds a finding where a suite names no baseline, one in both ways, too many, or one by a word that is taken."""
    models = parts.document.get("models")
    if not isinstance(models, dict):
        return
    several = models.get("baselines")
    if several is None:
        if models.get(BASELINE) is None and not any(nearest(key, (BASELINE, "baselines")) for key in models):
            findings.at(("models",), "models.baseline is missing", on_key=True)
        return
    loc: Loc = ("models", "baselines")
    if models.get(BASELINE) is not None:
        hint = "keep `baseline` for one, or put all of them under `baselines`, each with a name"
        findings.at(loc, "models.baselines: `baseline` and `baselines` exclude each other", help=hint, on_key=True)
    if not isinstance(several, dict):
        return
    if len(several) > MOST:
        message = f"models.baselines: {len(several)} baselines; at most {MOST} are compared in one run"
        findings.at(loc, message, help="keep those that might ship instead", on_key=True)
    for name in several:
        _check_name(name, (*loc, name), findings)
    for (first, one), (second, other) in itertools.combinations(several.items(), 2):
        if one == other and isinstance(one, dict):
            message = f"models.baselines: '{second}' is the same as '{first}'"
            hint = "keep one of them; to see how far a baseline moves by itself, run with --noise-floor"
            findings.at((*loc, second), message, help=hint, on_key=True)


def _check_name(name: str, loc: Loc, findings: Findings) -> None:
    try:
        is_name(name)
    except ValueError as error:
        findings.at(loc, f"models.baselines: the name {name[:LONGEST]!r} {error}", on_key=True)
        return
    if not name or len(name) > LONGEST:
        findings.at(loc, f"models.baselines: a name has 1 to {LONGEST} characters", on_key=True)
    if (why := _RESERVED.get(name.casefold())) is not None:
        findings.at(loc, f"models.baselines: no baseline can be called '{name}': {why}", on_key=True)
