"""Everything the first screen says, in words: the verdict, its reasons, the tiles and what the suite asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePath

from evalkit import numbers
from evalkit.report import strings
from evalkit.report.baselines import noise_words
from evalkit.report.facts import Table
from evalkit.report.read import Document, items, number, obj, objects, pair, text, whole, words
from evalkit.report.repeats import repeats_words
from evalkit.report.text import cleaned, shorten

EXAMPLES_PER_FLIP = 4
TINTS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One figure of the first screen."""

    label: str
    value: str
    unit: str = ""
    sub: str = ""
    help: str = ""
    is_measured: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedRow:
    """One demand of the suite and what came of it."""

    mark: strings.Mark
    label: str
    asked: str
    got: str
    href: str
    where: str
    """`suite.yaml:41`, or empty."""
    needed: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One flipped sample, readable without JavaScript."""

    id: str
    sign: str
    word: str
    input: str
    target: str
    baseline: str
    candidate: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassBlock:
    """One metric's labels and its confusion matrices."""

    metric: str
    table: Table
    heads: tuple[str, ...]
    matrices: tuple[tuple[str, tuple[tuple[str, tuple[tuple[str, int], ...]], ...]], ...]
    """(side, rows of (gold label, cells of (count, tint 0–5)))"""


def subtitle(verdict: Document) -> str:
    """Which suite, when, by which run."""
    parts = [text(verdict, "suite"), text(verdict, "description"), _day(text(verdict, "created"))]
    return " · ".join(part for part in parts if part)


def sides(verdict: Document) -> tuple[str, str]:
    """The two models as served; the candidate's adapter is named."""
    identity = obj(verdict, "identity")
    found = []
    for side in strings.SIDES:
        name = text(obj(identity, side), "served_model") or "model not known"
        adapter = text(obj(identity, side), "adapter_sha256")
        found.append(f"{name} + adapter {adapter[:8]}" if adapter else name)
    return found[0], found[1]


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
    """What stands in the brackets of the asked rows, which is not the 95 % interval; empty where none has any."""
    alpha = number(obj(verdict, "primary"), "alpha")
    if alpha is None or not any("[" in text(row, "got") for row in objects(verdict, "asked")):
        return ""
    one, both = (f"{100 * (1 - tails * alpha):.4g} %" for tails in (1, 2))
    is_shared = (whole(obj(verdict, "reuse"), "max_uses") or 1) > 1  # then alpha is the primary metric's alone
    gate = "the gate judges the gain by" if is_shared else "the gate judges by"
    return f"In brackets: the bounds {gate}, one-sided at {one} each (a {both} interval); for slices wider."


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


def primary_facts(verdict: Document) -> Table:
    """How the primary difference was worked out, in words and figures."""
    primary = obj(verdict, "primary")
    alpha = number(primary, "alpha")
    bound = numbers.signed(number(primary, "lower_points"))
    n, clusters = whole(primary, "n"), whole(primary, "n_clusters")
    rows = [
        ("metric", text(primary, "metric")),
        ("pairs scored on both sides", numbers.count(n)),
        (
            "clusters of dependent samples",
            "none: every sample stands alone" if n == clusters else numbers.count(clusters),
        ),
        ("difference", f"{numbers.signed(number(primary, 'delta_points'))} points"),
        *_alone(primary),
        ("95 % interval", f"{numbers.interval(pair(primary, 'ci95_points'))} points"),
        ("bound the gate uses", f"at least {bound} points" + (f", one-sided, α = {alpha:g}" if alpha else "")),
        ("p-value, two-sided", numbers.p_value(number(primary, "p_value"))),
        ("discordance", numbers.percent(number(primary, "discordance"))),
        ("MDE", f"{numbers.points(number(primary, 'mde_points'))} points"),
        ("repeats of each sample", repeats_words(verdict)),
        ("noise floor", noise_words(verdict)),
        ("method", strings.method_words(text(primary, "method")) or numbers.NOT_MEASURED),
        ("if all that is unscored went against / for the candidate", _worst(primary)),
        ("note", text(primary, "note")),
    ]
    return Table(rows=tuple((label, value) for label, value in rows if value))


def _alone(primary: Document) -> Iterable[tuple[str, str]]:
    """Each side's own level with its interval, where it has one."""
    for side in strings.SIDES:
        ends = pair(primary, f"{side}_ci95_points")
        if ends is not None:
            level = numbers.points(number(primary, f"{side}_points"))
            yield f"{side} by itself", f"{level} points [{numbers.points(ends[0])}, {numbers.points(ends[1])}]"


def class_blocks(verdict: Document) -> tuple[ClassBlock, ...]:
    """Per-label figures of every metric that has labels."""
    return tuple(_class_block(block) for block in objects(verdict, "per_class"))


def examples(samples: Iterable[Document]) -> tuple[Example, ...]:
    """The first broken and the first fixed samples, cut short."""
    found: dict[str, list[Example]] = {"broken": [], "fixed": []}
    for row in samples:
        flip = row.get("flip")
        if isinstance(flip, str) and flip in found and len(found[flip]) < EXAMPLES_PER_FLIP:
            found[flip].append(_example(cleaned(row), flip))
            if all(len(rows) == EXAMPLES_PER_FLIP for rows in found.values()):
                break
    return (*found["broken"], *found["fixed"])


def _example(row: Document, flip: str) -> Example:
    sign, word = strings.FLIPS[flip]
    baseline, candidate = (_answer(obj(row, side)) for side in strings.SIDES)
    return Example(
        id=text(row, "id"),
        sign=sign,
        word=word,
        input=shorten(text(row, "input"), 400),
        target=shorten(words(row.get("target")), 200),
        baseline=baseline,
        candidate=candidate,
    )


def _answer(side: Document) -> str:
    return shorten(text(side, "text") or text(side, "error") or f"({text(side, 'status')})", 400)


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
        sub=f"of {numbers.count(total)} samples",
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
    sub = f"about {numbers.count(needed)} pairs would settle it" if needed else "with a chance of 80 %"
    return Tile(label=label, value=numbers.points(mde), unit="points", sub=sub, help=strings.GLOSSARY["MDE"])


def _latency_tile(verdict: Document) -> Tile:
    baseline, candidate = (obj(obj(verdict, "latency"), side) for side in strings.SIDES)
    was, now = number(baseline, "p95_s"), number(candidate, "p95_s")
    label = "95 % of answers within"
    if now is None:
        note = text(candidate, "note") or text(obj(verdict, "latency"), "note")
        return Tile(label=label, value=numbers.NOT_MEASURED, sub=note, is_measured=False)
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


def _worst(primary: Document) -> str:
    bounds = pair(primary, "worst_case_points")
    return "" if bounds is None else f"{numbers.signed(bounds[0])} / {numbers.signed(bounds[1])} points"


def _class_block(block: Document) -> ClassBlock:
    rows: list[tuple[str, ...]] = []
    for row in objects(block, "rows"):
        was, now = (obj(row, side) for side in strings.SIDES)
        pairs = [f"{_figure(was, key)} → {_figure(now, key)}" for key in ("precision", "recall", "f1")]
        rows.append((text(row, "label"), numbers.count(number(row, "n")), *pairs))
    labels = tuple(words(label) for label in items(block, "labels"))
    confusion = obj(block, "confusion")
    matrices = tuple((side, _matrix(labels, items(confusion, side))) for side in strings.SIDES if side in confusion)
    return ClassBlock(
        metric=text(block, "metric"),
        table=Table(head=("label", "n", "precision", "recall", "F1"), rows=tuple(rows), is_numeric=True),
        heads=(*labels, "(unreadable or not a label)"),
        matrices=matrices,
    )


def _matrix(labels: Sequence[str], rows: Sequence[object]) -> tuple[tuple[str, tuple[tuple[str, int], ...]], ...]:
    found = []
    for label, row in zip(labels, rows, strict=False):
        counts = [value if isinstance(value, int) else 0 for value in row] if isinstance(row, list) else []
        total = max(1, sum(counts))
        cells = tuple((numbers.count(n), -(-TINTS * n // total)) for n in counts)
        found.append((label, cells))
    return tuple(found)


def _figure(figures: Document, key: str) -> str:
    value = number(figures, key)
    return "–" if value is None else numbers.points(value)


def _day(created: str) -> str:
    try:
        when = datetime.fromisoformat(created)
    except ValueError:
        return created
    return f"{when.day} {when:%B %Y, %H:%M} UTC"
