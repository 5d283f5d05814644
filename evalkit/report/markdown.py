"""summary.md: the verdict for a CI job summary or a pull-request comment, in GitHub's Markdown.

Names and texts come from suites, data and models. They are escaped so that they can neither format, mention,
link nor load anything: https://github.github.com/gfm/ says what Markdown would read, and GitHub also turns
`@name`, `#12` and bare addresses into links in any plain text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from evalkit import numbers
from evalkit.report import strings
from evalkit.report.baselines import against_rows, noise_words
from evalkit.report.corrected import corrected_words
from evalkit.report.demands import asked_rows, bounds_note
from evalkit.report.examples import Example, examples
from evalkit.report.forest import Bar, axis_for
from evalkit.report.hygiene import one_line
from evalkit.report.mix import mix_words
from evalkit.report.payback import payback_line
from evalkit.report.rating.words import headline
from evalkit.report.read import Document, items, number, obj, objects, pair, text, whole, words
from evalkit.report.text import cleaned, shorten
from evalkit.report.title import sides

MAX_CHARS = 65_536
"""GitHub refuses longer comments."""
GATE_CHARS = 30_000
CELL_CHARS = 300
PLOT_COLUMNS = 41
_MARKUP = re.compile(
    r"[\\`*_<>|~$&@#]"  # formatting, HTML, table cells, formulas, mentions and references
    r"|(?<=\])[(:\[]"  # what makes brackets a link, an image or the target of one
    r"|:(?=//)|(?<=www)\."  # bare addresses
    r"|^[-+=\[](?=[-+=\s\]^x])",  # list, rule and task marks, only where a text begins
    re.IGNORECASE,
)
_NUMBERED = re.compile(r"^(\d{1,9})([.)])(?=\s)")
_SAFE_NAME = re.compile(r"[^A-Za-z0-9._-]+")
_LINKING = frozenset("@#:.")


def render_markdown(verdict: Document, samples: Iterable[Document] = ()) -> str:
    """The summary, at most 65,536 characters: whole parts are left out where they do not fit, the last ones first."""
    shown = cleaned(verdict)
    marker = f"<!-- evalkit:{_SAFE_NAME.sub('-', text(shown, 'suite')) or 'suite'} -->"
    told = [*_alert(shown), *_gate(shown), *_against(shown), *_plot(shown), *_moved(shown)]
    room = MAX_CHARS - len(marker) - 2
    kept: list[str] = []
    for block in (*told, *_flipped(samples)):
        if len(block) + 2 <= room:
            room -= len(block) + 2
            kept.append(block)
    return "\n\n".join([*kept, marker]) + "\n"


def inert(value: str, limit: int = CELL_CHARS) -> str:
    r"""Untrusted text as plain words on one line: nothing in it formats, mentions, links or loads.

    >>> inert("a|b <b> ![x](y)")
    'a&#124;b &lt;b&gt; ![x]&#40;y)'
    >>> inert("+2.7 points [+1.0, +4.4]")
    '+2.7 points [+1.0, +4.4]'
    """
    line = _MARKUP.sub(_entity, shorten(value, limit))
    return _NUMBERED.sub(lambda found: f"{found[1]}&#{ord(found[2])};", line)


def _entity(found: re.Match[str]) -> str:
    """The character as an entity; behind those that start a link a word joiner, which shows as nothing."""
    character = found.group()
    named = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}.get(character, f"&#{ord(character)};")
    return f"{named}\u2060" if character in _LINKING else named


def _alert(verdict: Document) -> Iterator[str]:
    look = strings.verdict_look(text(verdict, "verdict"))
    headline = inert(text(verdict, "headline") or look.gloss, 2000)
    lines = [f"> [!{look.alert}]", f"> **{look.mark} {look.word}** {headline}"]
    lines += [f"> - {inert(words(sentence), 1000)}" for sentence in items(verdict, "advice")[:10]]
    yield "\n".join(lines)
    baseline, candidate = sides(verdict)
    pair_of_models = f"**{inert(candidate)}** (candidate) against **{inert(baseline)}** (baseline)"
    yield f"{inert(text(verdict, 'suite'))}: {pair_of_models}"
    blocking = [r for r in objects(verdict, "reasons") if r.get("blocking")][:20]
    if blocking:
        yield "\n".join(f"- `{_code(r)}` {inert(text(r, 'detail'), 1000)}" for r in blocking)


def _code(reason: Document) -> str:
    return _SAFE_NAME.sub("-", text(reason, "code"))


def _gate(verdict: Document) -> Iterator[str]:
    rows = asked_rows(verdict)[:100]
    if not rows:
        return
    lines = ["| | gate | asked | got | suite |", "|---|---|---|---|---|"]
    for row in rows:
        state = f"{row.mark.sign} {row.mark.word}"
        state = f"**{state}**" if row.mark.css == "failed" else state
        lines.append(f"| {state} | {inert(row.label)} | {inert(row.asked)} | {inert(row.got)} | {inert(row.where)} |")
    yield _within(lines, GATE_CHARS)
    if note := bounds_note(verdict):
        yield inert(note)


def _against(verdict: Document) -> Iterator[str]:
    """The comparison with each of several baselines."""
    rows = against_rows(verdict)
    if not rows:
        return
    lines = ["| against | difference | 95 % interval | n | verdict |", "|---|---|---|---|---|"]
    for row in rows:
        name = f"**{inert(row.name)}** (decides)" if row.decides else inert(row.name)
        lines.append(f"| {name} | {row.difference} | {row.interval} | {row.n} | {row.look.mark} {row.look.word} |")
    yield "\n".join(lines)


def _within(lines: Sequence[str], limit: int) -> str:
    """The lines that fit `limit` characters, and how many did not."""
    kept: list[str] = []
    for line in lines:
        if sum(map(len, kept)) + len(kept) + len(line) > limit:
            break
        kept.append(line)
    left_out = len(lines) - len(kept)
    return "\n".join([*kept, "", f"{left_out} more rows in report.html"] if left_out else kept)


def _plot(verdict: Document) -> Iterator[str]:
    """A forest plot in characters: every metric's difference and 95 % interval on one scale."""
    found = [(c, pair(c, "ci95_points")) for c in objects(verdict, "metrics")[:40]]
    rows = [(c, Bar(delta=number(c, "delta_points"), ci=ends)) for c, ends in found]
    if not any(bar.delta is not None for _, bar in rows):
        return
    axis = axis_for([bar for _, bar in rows])
    wide = max(len(shorten(text(c, "metric"), 24)) for c, _ in rows)
    ends = f"{numbers.signed(axis.low)} to {numbers.signed(axis.high)} points, │ is no difference"
    lines = [f"{'':{wide}}  {ends}"]
    for comparison, bar in rows:
        name = shorten(text(comparison, "metric"), 24).replace("`", "'")
        figures = f"{numbers.signed(bar.delta)} {numbers.interval(bar.ci)}" if bar.delta is not None else "not measured"
        lines.append(f"{name:{wide}}  {_drawn(bar, axis.low, axis.high)}  {figures}")
    yield "\n".join(["```text", *lines, "```"])


def _drawn(bar: Bar, low: float, high: float) -> str:
    def column(value: float) -> int:
        return round((value - low) / (high - low) * (PLOT_COLUMNS - 1))

    cells = [" "] * PLOT_COLUMNS
    cells[column(0)] = "│"
    if bar.delta is None:
        return "".join(cells)
    left, right = (column(end) for end in bar.ci or (bar.delta, bar.delta))
    for at in range(left, right + 1):
        cells[at] = "┼" if at == column(0) else "─"
    cells[column(bar.delta)] = "●"
    return "".join(cells)


def _moved(verdict: Document) -> Iterator[str]:
    flips = obj(verdict, "flips")
    told = [f"{sign} {word} {numbers.count(whole(flips, key) or 0)}" for key, (sign, word) in strings.FLIPS.items()]
    if flips:
        yield " · ".join(told)
    yield from (inert(sentence, 2000) for sentence in corrected_words(verdict))
    if mix := mix_words(verdict):
        yield inert(f"{text(obj(verdict, 'primary'), 'metric')} is {mix}", 2000)
    if noise := noise_words(verdict):
        yield f"Noise floor: {inert(noise)}"
    if health := one_line(verdict):
        yield f"Data health: {inert(health)}"
    if payback := payback_line(verdict):
        yield f"Cost: {inert(payback)}"
    if people := headline(obj(verdict, "human")):
        yield f"People: {inert(people, 1000)}"
    warnings = items(verdict, "warnings")[:20]
    if warnings:
        yield _within([f"- warning: {inert(words(sentence), 500)}" for sentence in warnings], GATE_CHARS // 3)


def _flipped(samples: Iterable[Document]) -> Iterator[str]:
    found = examples(samples)
    if not found:
        return
    told = [_example(row) for row in found]
    which = "The first flipped sample" if len(found) == 1 else f"The first {len(found)} flipped samples"
    head = f"<details><summary>{which}</summary>"
    yield "\n\n".join([head, *told, "</details>"])


def _example(row: Example) -> str:
    parts = {"input": row.input, "expected": row.target, "baseline": row.baseline, "candidate": row.candidate}
    lines = [f"- {label}: {inert(value)}" for label, value in parts.items()]
    return "\n".join([f"**{row.sign} {row.word}** {inert(row.id)}", "", *lines])
