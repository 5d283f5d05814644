"""Versions of a suite's data, and how much may change within one."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

Bump = Literal["patch", "minor", "major"]
FIRST = "1.0.0"
MOST_MINOR = 0.20
"""Share of the samples that a minor version may add or retire."""
LEAST_ANCHORS, ANCHOR_SHARE = 50, 0.30
REASONS: Mapping[str, str] = {
    "dup": "another sample says the same",
    "pii": "it holds personal data",
    "label_error": "its label is wrong",
    "obsolete": "what it asks is no longer asked",
    "saturated": "every model solves it",
}
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")


class Change(Struct, frozen=True, kw_only=True):
    """What a new version changes against the one before."""

    n_before: int
    n_added: int
    n_retired: int
    new_labels: frozenset[str] = frozenset()


def is_version(text: str) -> bool:
    """Whether a name is major.minor.patch."""
    return _VERSION.fullmatch(text) is not None


def order(version: str) -> tuple[int, ...]:
    """By which versions are sorted: 1.10.0 comes after 1.9.0."""
    return tuple(int(part) for part in version.split("."))


def bumped(version: str, bump: Bump) -> str:
    """The version that comes next.

    >>> bumped("1.4.2", "minor"), bumped("1.4.2", "major"), bumped("1.4.2", "patch")
    ('1.5.0', '2.0.0', '1.4.3')
    """
    major, minor, patch = order(version)
    return {"major": f"{major + 1}.0.0", "minor": f"{major}.{minor + 1}.0", "patch": f"{major}.{minor}.{patch + 1}"}[
        bump
    ]


def anchors_needed(n_before: int) -> int:
    """Old samples that have to stay for versions to be compared by them: 30 %, and 50 or all where there are fewer.

    >>> anchors_needed(40), anchors_needed(100), anchors_needed(1000)
    (40, 50, 300)
    """
    return min(n_before, max(LEAST_ANCHORS, math.ceil(ANCHOR_SHARE * n_before)))


def why_not(change: Change, bump: Bump) -> str | None:
    """Why this change is too large for the bump, and what to do; None where it is not."""
    if bump == "major":
        return None
    kept = change.n_before - change.n_retired
    if kept < anchors_needed(change.n_before):
        return (
            f"{kept:,} of {change.n_before:,} samples would stay, and it takes {anchors_needed(change.n_before):,} to "
            "compare models across the versions\n  help: retire fewer, or release with --bump major"
        )
    if bump == "patch" and (change.n_added or change.n_retired):
        return "a patch mends labels; samples are added or retired here\n  help: release with --bump minor"
    if change.new_labels:
        named = ", ".join(sorted(change.new_labels)[:5])
        return f"labels that the suite did not have: {named}\n  help: release with --bump major"
    largest = max(change.n_added, change.n_retired)
    if largest > MOST_MINOR * change.n_before:
        return (
            f"{change.n_added:,} samples added and {change.n_retired:,} retired, of {change.n_before:,}: a minor "
            f"version changes at most {100 * MOST_MINOR:.0f} %\n  help: release with --bump major, or approve fewer"
        )
    return None
