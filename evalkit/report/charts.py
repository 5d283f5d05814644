"""Comparisons, guards and slices as rows of one chart table: names, numbers and a picture on a shared scale."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup
from msgspec import Struct

from evalkit import numbers
from evalkit.report import strings
from evalkit.report.forest import Bar, axis_for, axis_svg, hero_svg, row_svg
from evalkit.report.mix import mix_words
from evalkit.report.read import Document, between, number, obj, objects, pair, text, whole

DIRECTIONS = {"up": "▲", "down": "▼", "flat": "◆"}


class ChartRow(Struct, frozen=True, kw_only=True):
    """One comparison, already in words."""

    name: str
    n: str
    baseline: str
    candidate: str
    delta: str
    interval: str
    direction: str
    """up | down | flat: whether the interval excludes zero."""
    svg: Markup
    moved: str
    """How many samples got better and worse."""
    href: str = ""
    note: str = ""
    mark: strings.Mark | None = None


class Chart(Struct, frozen=True, kw_only=True):
    """Rows that share one scale."""

    scale: Markup
    rows: tuple[ChartRow, ...]


def comparison_bar(
    comparison: Document, *, threshold: float | None = None, wide: tuple[float, float] | None = None
) -> Bar:
    """What of a comparison can be drawn."""
    return Bar(
        delta=number(comparison, "delta_points"), ci=pair(comparison, "ci95_points"), wide=wide, threshold=threshold
    )


def demand(verdict: Document) -> float | None:
    """Where the dashed line stands: the gain asked for; for the intents cost and regression minus the loss allowed."""
    primary = obj(verdict, "primary")
    margin = number(primary, "noninferiority_margin")
    if text(verdict, "intent") in ("cost", "regression") and margin is not None:
        return -margin
    return number(primary, "min_delta")


class PrimaryWords(Struct, frozen=True, kw_only=True):
    """The primary difference as the first screen says it."""

    metric: str
    delta: str
    interval: str
    n: str
    note: str
    has_demand: bool


def primary_words(verdict: Document) -> PrimaryWords:
    """The primary difference in words; "not measured" where it was not."""
    primary = obj(verdict, "primary")
    ends = pair(primary, "ci95_points")
    return PrimaryWords(
        metric=text(primary, "metric"),
        delta=numbers.signed(number(primary, "delta_points")),
        interval=numbers.interval(ends) if ends else numbers.NOT_MEASURED,
        n=numbers.count(number(primary, "n")),
        note=text(primary, "note"),
        has_demand=demand(verdict) is not None,
    )


def hero(verdict: Document) -> Markup | None:
    """The primary difference as a large picture, or None where nothing was measured."""
    bar = comparison_bar(obj(verdict, "primary"), threshold=demand(verdict))
    if bar.delta is None:
        return None
    asked = "" if bar.threshold is None else f"asked: {numbers.signed(bar.threshold)} points"
    return hero_svg(bar, asked=asked)


def metric_chart(verdict: Document) -> Chart:
    """Every metric; the dashed line stands at the primary one only."""
    primary = text(obj(verdict, "primary"), "metric")
    found = objects(verdict, "metrics")
    bars = [comparison_bar(c, threshold=demand(verdict) if text(c, "metric") == primary else None) for c in found]
    names = [text(c, "metric") + (" (primary)" if text(c, "metric") == primary else "") for c in found]
    links = [f"#m={_quoted(text(c, 'metric'))}&f=broken" if whole(c, "worsened") else "" for c in found]
    return _chart([{**c, "note": _metric_note(c)} for c in found], bars, names, links)


def _metric_note(comparison: Document) -> str:
    """The comparison's own note, and for a secondary metric its p-value with the others taken into account."""
    adjusted = number(comparison, "adjusted_p_value")
    told = "" if adjusted is None else f"p {numbers.p_value(adjusted)}, adjusted for the number of metrics"
    return "; ".join(filter(None, [text(comparison, "note"), told]))


def slice_sentences(verdict: Document) -> tuple[str, ...]:
    """Where the whole difference comes from, which slice does worst, and how many were not judged."""
    summary = obj(verdict, "slice_summary")
    mix = mix_words(verdict)
    told = [f"The primary metric is {mix}." if mix else "", text(summary, "driver_detail")]
    worst = next((s for s in objects(verdict, "slices") if text(s, "name") == text(summary, "worst")), None)
    if worst is not None:
        bounds = between(worst, "adjusted_low", "adjusted_high")
        delta = numbers.signed(number(obj(worst, "comparison"), "delta_points"))
        told.append(
            f"Worst of {numbers.count(whole(summary, 'judged'))} judged: {text(worst, 'name')}, {delta} points"
            + (f"; {numbers.at_worst(bounds)}, with the correction for so many looks." if bounds else ".")
        )
    return tuple(filter(None, told))


def slice_chart(verdict: Document) -> Chart:
    """The primary metric by slice, with the adjusted interval where there is one."""
    found = objects(verdict, "slices")
    comparisons = [obj(item, "comparison") for item in found]
    bars = [
        comparison_bar(c, wide=between(item, "adjusted_low", "adjusted_high"), threshold=_slice_limit(verdict))
        for c, item in zip(comparisons, found, strict=True)
    ]
    links = [
        f"#f=broken&slice={_quoted(text(item, 'name'))}" if whole(c, "worsened") else ""
        for c, item in zip(comparisons, found, strict=True)
    ]
    marks = [strings.state_mark(text(item, "state")) for item in found]
    comparisons = [{**c, "note": _slice_note(item, c)} for c, item in zip(comparisons, found, strict=True)]
    return _chart(comparisons, bars, [text(item, "name") for item in found], links, marks)


def _slice_note(item: Document, comparison: Document) -> str:
    brought = number(item, "contribution_points")
    told = "" if brought is None else f"brings {numbers.signed(brought)} of the whole"
    return "; ".join(filter(None, [text(comparison, "note"), told]))


def guard_chart(verdict: Document) -> Chart:
    """The guards that compare a metric, each with the loss it allows as its dashed line."""
    found = [item for item in objects(verdict, "guards") if obj(item, "comparison")]
    bars = []
    for item in found:
        margin = number(item, "margin")
        bars.append(comparison_bar(obj(item, "comparison"), threshold=None if margin is None else -margin))
    marks = [strings.state_mark(text(item, "state")) for item in found]
    links = [""] * len(found)
    return _chart([obj(item, "comparison") for item in found], bars, [text(g, "name") for g in found], links, marks)


def _chart(
    comparisons: Sequence[Document],
    bars: Sequence[Bar],
    names: Sequence[str],
    links: Sequence[str],
    marks: Sequence[strings.Mark] | None = None,
) -> Chart:
    axis = axis_for(bars)
    rows = []
    for index, (comparison, bar) in enumerate(zip(comparisons, bars, strict=True)):
        direction = bar.direction if bar.delta is not None else "flat"
        delta = f"{DIRECTIONS[direction]} {numbers.signed(bar.delta)}" if bar.delta is not None else "not measured"
        rows.append(
            ChartRow(
                name=names[index],
                n=numbers.count(number(comparison, "n")),
                baseline=_level(comparison, "baseline_points"),
                candidate=_level(comparison, "candidate_points"),
                delta=delta,
                interval=numbers.interval(bar.ci) if bar.delta is not None else "",
                direction=direction,
                svg=row_svg(bar, axis),
                moved=_moved(comparison),
                href=links[index],
                note=text(comparison, "note"),
                mark=marks[index] if marks else None,
            )
        )
    return Chart(scale=axis_svg(axis), rows=tuple(rows))


def _level(comparison: Document, key: str) -> str:
    value = number(comparison, key)
    return "–" if value is None else numbers.points(value)


def _moved(comparison: Document) -> str:
    worse, better = whole(comparison, "worsened"), whole(comparison, "improved")
    if worse is None or better is None or number(comparison, "delta_points") is None:
        return ""
    return f"▼ {numbers.count(worse)}  ▲ {numbers.count(better)}"


def _slice_limit(verdict: Document) -> float | None:
    """Minus the largest loss a slice may have, where the verdict carries it."""
    limit = number(verdict, "slice_max_drop")
    return None if limit is None else -limit


def _quoted(name: str) -> str:
    """A name as a URL fragment's value."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "-_.~") else _percent(c) for c in name)


def _percent(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "replace"))
