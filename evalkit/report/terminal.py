"""What `evalkit run` prints at the end: what was asked and got, what moved, what to do next, the verdict last."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from evalkit import numbers
from evalkit.report import strings
from evalkit.report.baselines import AgainstRow, against_rows, noise_words
from evalkit.report.console import printed
from evalkit.report.corrected import corrected_words
from evalkit.report.demands import asked_rows, bounds_note
from evalkit.report.hygiene import one_line
from evalkit.report.mix import mix_words
from evalkit.report.payback import payback_line
from evalkit.report.read import Document, items, number, obj, objects, pair, text, whole, words
from evalkit.report.text import plain, shorten
from evalkit.report.title import sides

MAX_WIDTH = 80
MAX_WARNINGS = 8
"""The report has all of them."""
MAX_REASON = 120
"""Characters of a reason in the verdict's one line."""
STYLES = {"held": "blue", "failed": "red", "unsettled": "yellow", "warned": "yellow", "absent": "dim"}
VERDICT_STYLES = {"ship": "bold blue", "dont": "bold red", "open": "bold yellow", "invalid": "bold magenta"}


def summary(verdict: Document, *, color: bool, width: int) -> str:
    """The result as a table of at most 80 columns, ending in the verdict's line and a newline.

    Without `color` it holds no escape byte; texts from suites and models never bring their own.
    """
    columns = max(40, min(MAX_WIDTH, width))
    return "".join(f"{line}\n" for line in printed(_parts(verdict), color=color, width=columns))


def line(verdict: Document) -> str:
    """The verdict in one line without a newline: word, difference, interval and what stands in the way.

    >>> line({"verdict": "ship", "primary": {"metric": "f1", "delta_points": 16.5, "ci95_points": [10.1, 23.3]}})
    'SHIP +16.5 points [+10.1, +23.3] on f1'
    """
    said = [_word(verdict), _difference(verdict)]
    in_the_way = list(_in_the_way(verdict))
    return " ".join(filter(None, said)) + (f"; {'; '.join(in_the_way)}" if in_the_way else "")


def _parts(verdict: Document) -> Iterator[RenderableType]:
    baseline, candidate = sides(verdict)
    yield Text(plain(f"{text(verdict, 'suite')}: {candidate} against {baseline}"), style="dim")
    yield Text("")
    if objects(verdict, "asked"):
        yield _asked_table(verdict)
        yield from (Text(note, style="dim") for note in [bounds_note(verdict)] if note)
        yield Text("")
    if objects(verdict, "metrics"):
        yield _metric_table(verdict)
        yield Text("")
    if against := against_rows(verdict):
        yield _against_table(against)
        yield Text("")
    yield from (Text(plain(sentence)) for sentence in corrected_words(verdict))
    if mix := mix_words(verdict):
        yield Text(plain(f"{text(obj(verdict, 'primary'), 'metric')} is {mix}"))
    if noise := noise_words(verdict):
        yield Text(f"noise floor: {plain(noise)}")
    yield Text(_moved(verdict))
    if health := one_line(verdict):
        yield Text(f"data health: {plain(health)}")
    if payback := payback_line(verdict):
        yield Text(plain(payback))
    yield Text("")
    yield Text(plain(text(verdict, "headline")))
    for sentence in items(verdict, "warnings")[:MAX_WARNINGS]:
        yield Text(f"warning: {shorten(plain(words(sentence)), 400)}")
    for sentence in items(verdict, "advice"):
        yield Text(f"next: {plain(words(sentence))}")
    yield Text("")
    look = strings.verdict_look(text(verdict, "verdict"))
    last = f"{look.mark} {_word(verdict)} {_difference(verdict)}".rstrip()
    yield Text(last, style=VERDICT_STYLES.get(look.css, "bold"), no_wrap=True, overflow="ellipsis")


def _asked_table(verdict: Document) -> Table:
    rows = asked_rows(verdict)
    name = next((row.where.rpartition(":")[0] for row in rows if row.where), "")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim", expand=False)
    table.add_column("")
    table.add_column("gate", ratio=3)
    table.add_column("asked", ratio=3)
    table.add_column("got", ratio=4)
    table.add_column(Text(plain(name)), no_wrap=True)
    for row in rows:
        style = STYLES.get(row.mark.css, "")
        at = row.where.rpartition(":")[2]
        table.add_row(
            Text(row.mark.sign, style=style),
            Text(plain(row.label)),
            Text(plain(row.asked)),
            Text(plain(row.got), style="bold" if row.mark.css == "failed" else ""),
            Text(f":{at}" if at else "", style="dim"),
        )
    return table


def _metric_table(verdict: Document) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("metric, points", overflow="fold")
    for head in ("n", "baseline", "candidate", "difference", "95 % interval"):
        table.add_column(head, justify="right", no_wrap=True)
    for found in objects(verdict, "metrics"):
        ends = pair(found, "ci95_points")
        levels = [number(found, key) for key in ("baseline_points", "candidate_points")]
        table.add_row(
            Text(plain(text(found, "metric"))),
            numbers.count(whole(found, "n")),
            *("–" if level is None else numbers.points(level) for level in levels),
            numbers.signed(number(found, "delta_points")),
            numbers.interval(ends) if ends else "–",
        )
    return table


def _against_table(rows: Sequence[AgainstRow]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("against each baseline", overflow="fold")
    for head in ("difference", "95 % interval"):
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("")
    for row in rows:
        word = row.look.word.replace("’", "'")
        style = VERDICT_STYLES.get(row.look.css, "")
        told = Text(f"{row.look.mark} {word}", style=style)
        last = Text("decides" if row.decides else "", style="dim")
        table.add_row(Text(plain(row.name)), row.difference, row.interval, told, last)
    return table


def _moved(verdict: Document) -> str:
    flips = obj(verdict, "flips")
    counts = {key: whole(flips, key) or 0 for key in strings.FLIPS}
    same = counts["both_right"] + counts["both_wrong"]
    told = {"broken": counts["broken"], "fixed": counts["fixed"], "same": same, "unscored": counts["unscored"]}
    return "   ".join(f"{word} {numbers.count(n)}" for word, n in told.items())


def _difference(verdict: Document) -> str:
    primary = obj(verdict, "primary")
    delta, ends = number(primary, "delta_points"), pair(primary, "ci95_points")
    if delta is None:
        return ""
    found = f"{numbers.signed(delta)} points {numbers.interval(ends) if ends else ''}".rstrip()
    against = f" against {plain(text(verdict, 'against'))}" if len(obj(verdict, "baselines")) > 1 else ""
    # A figure beside INVALID would be quoted as if it had been found.
    caveat = ", for information only" if text(verdict, "verdict") in {"invalid", "error"} else ""
    return f"{found} on {plain(text(primary, 'metric'))}{against}{caveat}"


def _in_the_way(verdict: Document) -> Iterator[str]:
    """The first blocking reasons, cut to a few words each."""
    if text(verdict, "verdict") == "ship":
        return
    blocking = [r for r in objects(verdict, "reasons") if r.get("blocking")]
    yield from (_cut(plain(text(reason, "detail"))) for reason in blocking[:3])


def _cut(reason: str) -> str:
    """A reason of at most `MAX_REASON` characters: whole words, and no command in brackets that lacks its end."""
    if len(reason) <= MAX_REASON:
        return reason
    kept = reason[: MAX_REASON - 1].rpartition(" ")[0] or reason[: MAX_REASON - 2]
    while kept.count("(") > kept.count(")") and not kept.startswith("("):
        kept = kept[: kept.rindex("(")]
    return f"{kept.rstrip(' ,;:')} …"


def _word(verdict: Document) -> str:
    """The verdict's word with a plain apostrophe, so that scripts can look for it."""
    return strings.verdict_look(text(verdict, "verdict")).word.replace("’", "'")
