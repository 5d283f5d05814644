"""The six figures of the first screen."""

from __future__ import annotations

from msgspec import Struct

from evalkit import numbers
from evalkit.report import strings
from evalkit.report.read import Document, number, obj, text, whole


class Tile(Struct, frozen=True, kw_only=True):
    """One figure of the first screen."""

    label: str
    value: str
    unit: str = ""
    sub: str = ""
    help: str = ""
    is_measured: bool = True


def tiles(verdict: Document) -> tuple[Tile, ...]:
    """The six figures people look for first; what was not measured says so."""
    return (
        _score_tile(verdict),
        _flips_tile(verdict),
        _pairs_tile(verdict),
        _power_tile(verdict),
        _latency_tile(verdict),
        _cost_tile(verdict),
    )


def _score_tile(verdict: Document) -> Tile:
    primary = obj(verdict, "primary")
    baseline, candidate = number(primary, "baseline_points"), number(primary, "candidate_points")
    label = f"Score, {text(primary, 'metric') or 'primary metric'}"
    if baseline is None or candidate is None:
        return Tile(label=label, value=numbers.NOT_MEASURED, sub=text(primary, "note"), is_measured=False)
    value = f"{numbers.points(baseline)} → {numbers.points(candidate)}"
    return Tile(label=label, value=value, sub="points of 100, baseline → candidate", help=strings.GLOSSARY["points"])


def _flips_tile(verdict: Document) -> Tile:
    flips = obj(verdict, "flips")
    broken, fixed = whole(flips, "broken"), whole(flips, "fixed")
    if broken is None or fixed is None:
        return Tile(label="Broken / fixed", value=numbers.NOT_MEASURED, is_measured=False)
    total = sum(whole(flips, key) or 0 for key in strings.FLIPS)
    return Tile(
        label="Broken / fixed",
        value=f"▼ {numbers.count(broken)}  ▲ {numbers.count(fixed)}",
        sub=f"of {numbers.counted(total, 'sample')}",
        help="Broken: the baseline was right and the candidate is wrong. Fixed: the other way round.",
    )


def _pairs_tile(verdict: Document) -> Tile:
    n, planned = whole(obj(verdict, "primary"), "n"), whole(obj(verdict, "coverage"), "planned")
    if n is None:
        return Tile(label="Pairs scored", value=numbers.NOT_MEASURED, is_measured=False)
    missing = (planned or n) - n
    sub = f"of {numbers.count(planned)} planned; {numbers.count(missing)} unscored" if planned else ""
    return Tile(label="Pairs scored", value=numbers.count(n), sub=sub, help=strings.GLOSSARY["unscored"])


def _power_tile(verdict: Document) -> Tile:
    mde = number(obj(verdict, "primary"), "mde_points")
    needed = whole(obj(verdict, "primary"), "n_needed")
    label = "Smallest gain it can show"
    if mde is None:
        return Tile(label=label, value=numbers.NOT_MEASURED, is_measured=False, help=strings.GLOSSARY["MDE"])
    sub = (
        f"with a chance of 80 %; about {numbers.count(needed)} pairs are advised" if needed else "with a chance of 80 %"
    )
    return Tile(label=label, value=numbers.points(mde), unit="points", sub=sub, help=strings.GLOSSARY["MDE"])


def _latency_tile(verdict: Document) -> Tile:
    baseline, candidate = (obj(obj(verdict, "latency"), side) for side in strings.SIDES)
    was, now = number(baseline, "p95_s"), number(candidate, "p95_s")
    label = "95 % of answers within"
    if now is None:
        note = text(candidate, "note") or text(obj(verdict, "latency"), "note")
        return Tile(label=label, value=numbers.NOT_MEASURED, sub=note.removeprefix("not measured: "), is_measured=False)
    value, _, unit = numbers.duration(now).partition(" ")
    return Tile(label=label, value=value, unit=unit, sub=f"baseline: {numbers.duration(was)}")


def _cost_tile(verdict: Document) -> Tile:
    baseline, candidate = (obj(obj(verdict, "cost"), side) for side in strings.SIDES)
    was, now = number(baseline, "usd_per_1000"), number(candidate, "usd_per_1000")
    label = "Cost of 1,000 answers"
    if now is None:
        note = text(candidate, "note") or text(obj(verdict, "cost"), "note")
        return Tile(label=label, value="unknown", sub=note.removeprefix("unknown: "), is_measured=False)
    return Tile(label=label, value=numbers.usd(now), sub=f"baseline: {numbers.usd(was)}")
