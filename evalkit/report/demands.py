"""What the suite asked for and what came of it, row by row, in words every rendering shows."""

from __future__ import annotations

from pathlib import PurePath

from msgspec import Struct

from evalkit import numbers
from evalkit.report import strings
from evalkit.report.read import Document, number, obj, objects, text, whole


class AskedRow(Struct, frozen=True, kw_only=True):
    """One demand of the suite and what came of it."""

    mark: strings.Mark
    label: str
    asked: str
    got: str
    href: str
    where: str
    """`suite.yaml:41`, or empty."""
    needed: str = ""


def asked_rows(verdict: Document) -> tuple[AskedRow, ...]:
    """The suite's demands, in its order."""
    return tuple(
        AskedRow(
            mark=strings.state_mark(text(row, "state")),
            label=text(row, "label"),
            asked=text(row, "asked"),
            got=text(row, "got"),
            href=f"#{text(row, 'filter')}" if text(row, "filter") else "",
            where=where(verdict, row),
            needed=_needed(whole(row, "needed"), text(row, "state")),
        )
        for row in objects(verdict, "asked")
    )


def bounds_note(verdict: Document) -> str:
    """What "at worst" and "at best" mean in the asked rows; empty where none says so."""
    alpha = number(obj(verdict, "primary"), "alpha")
    if alpha is None or not any("at worst" in text(row, "got") for row in objects(verdict, "asked")):
        return ""
    level = f"{100 * (1 - alpha):.4g} %"
    is_shared = (whole(obj(verdict, "reuse"), "max_uses") or 1) > 1  # then alpha is the primary metric's alone
    gate = "the gate judges the gain by" if is_shared else "the gate judges by"
    told = f"At worst and at best: the bounds {gate}, each one-sided at {level}; for slices wider."
    return f"{told} In brackets: 95 % intervals."


def guard_rows(verdict: Document) -> tuple[AskedRow, ...]:
    """The guards: state, what was asked, what was found, how many pairs would settle it."""
    return tuple(
        AskedRow(
            mark=strings.state_mark(text(row, "state")),
            label=text(row, "name"),
            asked=text(row, "asked"),
            got=text(row, "got"),
            href="",
            where=where(verdict, row),
            needed=_needed(whole(row, "n_needed"), text(row, "state")),
        )
        for row in objects(verdict, "guards")
    )


def _needed(pairs: int | None, state: str) -> str:
    return f"about {numbers.count(pairs)} pairs would settle it" if pairs and state == "unresolved" else ""


def where(verdict: Document, row: Document) -> str:
    """`suite.yaml:41`, when the row knows its line."""
    line = whole(row, "line")
    name = PurePath(text(verdict, "suite_file") or "suite.yaml").name
    return f"{name}:{line}" if line is not None else ""
