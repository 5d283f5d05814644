"""A plan as a person reads it, in at most 80 columns."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from evalkit import numbers
from evalkit.report.console import printed
from evalkit.report.panels.judges import STATES
from evalkit.report.text import plain

WIDTH = 80
_SHOWN_SLICES = 8


def plan_text(document: Mapping[str, Any], *, color: bool) -> str:
    """The whole plan. Without `color` it holds no escape byte; texts from suites never bring their own."""
    rows = printed(_parts(document), color=color, width=WIDTH)
    # The command stays on one line however long the path is: it is there to be copied.
    return "\n".join([*rows, "", f"next: evalkit run {shlex.quote(plain(document['suite_file']))}"])


def _parts(document: Mapping[str, Any]) -> Iterator[RenderableType]:
    limited = f", a random {document['limit']} of its samples" if document["limit"] else ""
    yield Text(plain(f"{document['suite']}{limited}: nothing was sent, nothing was written"), style="dim")
    yield from _sending(document)
    yield from _judges(document["judges"])
    yield from _primary(document["detects"])
    for guard in document["guards"]:
        yield from _guard(guard)
    yield from _slices(document["small_slices"])
    if document["warnings"]:
        yield Text("")
        for warning in document["warnings"]:
            yield _line("! ", warning, "yellow")


def _sending(document: Mapping[str, Any]) -> Iterator[RenderableType]:
    requests = document["requests"]
    yield _heading("What a run would send")
    table = _table("", "requests", "cached", "to send", "input tokens", "output tokens")
    for load in requests["sides"]:
        bound = "≤ " if load["is_output_bound"] else ""
        is_sent = load["to_send"] > 0
        table.add_row(
            Text(plain(f"{load['suite']}, {load['role']}")),
            numbers.count(load["requests"]),
            "unknown" if load["cached"] is None else numbers.count(load["cached"]),
            numbers.count(load["to_send"]),
            f"~{numbers.count(load['input_tokens'])}" if is_sent else "–",
            f"{bound or '~'}{numbers.count(load['output_tokens'])}" if is_sent else "–",
        )
    yield table
    yield Text("")
    for what, told in _tokens_from(requests["sides"]).items():
        yield _line(f"{what:<8}", told)
    most = requests["probe_at_most"]
    probe = f"up to {most} more requests: {requests['probe_note']}" if most else requests["probe_note"]
    yield _line("probe   ", f"(are these two models?) {probe}")
    cost, took = document["cost"], document["time"]
    about = ""
    if cost["usd"]:
        about = f"{'at most' if cost['is_upper_bound'] else 'about'} {numbers.usd(cost['usd'])}"
    yield _line("cost    ", "; ".join(filter(None, [about, cost["note"]])))
    about = f"about {numbers.duration(took['seconds'])}, " if took["seconds"] else ""
    yield _line("time    ", f"{about}{took['note']}")
    for note in requests["notes"]:
        yield _line("! ", note, "yellow")


def _tokens_from(loads: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Where the token figures come from, each source once."""
    sent = [load for load in loads if load["to_send"]]
    told = {}
    for name, key in (("input", "input_from"), ("output", "output_from")):
        sources: dict[str, list[str]] = {}
        for load in sent:
            sources.setdefault(load[key], []).append(load["role"])
        if len(sources) == 1:
            told[name] = next(iter(sources))
        elif sources:
            told[name] = "; ".join(f"{' and '.join(dict.fromkeys(roles))}: {why}" for why, roles in sources.items())
    return told


def _judges(judges: Sequence[Mapping[str, Any]]) -> Iterator[RenderableType]:
    """What the judges are worth; why not, of one that decides, stands among the warnings."""
    if judges:
        yield _heading("Judges")
    for one in judges:
        name, worth = f"{one['judge']} ({one['model']})", STATES.get(one["state"], one["state"])
        why = "" if one["blocks"] else f": {one['note']}"
        yield _line("", f"{one['suite']}, {one['metric']}: graded by {name}, {worth}{why}")


def _primary(found: Mapping[str, Any]) -> Iterator[RenderableType]:
    rows = found["rows"]
    yield _heading(f"What {numbers.count(found['n'])} samples can show on {plain(found['metric'])}")
    if found["intent"] == "quality":
        bar = numbers.signed(found["min_delta"])
        asked = {"positive": "and shown to be above 0", "margin": "shown to be that much", "none": "as measured"}
        yield _line("", f"asked for: a gain of at least {bar} points, {asked[found['evidence']]}")
        table = _shares_table(rows)
        _row(table, "a measured gain ships from", [_gain(row["ships_from_points"]) for row in rows])
        _row(table, "a true gain ships 4 times in 5 from", [_gain(r["ships_mostly_from_points"]) for r in rows])
        _row(table, "a true gain shows (above 0) 4 in 5 from", [_gain(row["mde_points"]) for row in rows])
        if rows[0]["n_for_min_delta"]:
            _row(table, f"samples to show a true {bar}", [numbers.count(row["n_for_min_delta"]) for row in rows])
        planned = numbers.signed(rows[0]["planned_points"])
        if rows[0]["n_for_planned"]:
            _row(table, f"samples to ship a true {planned}", [numbers.count(row["n_for_planned"]) for row in rows])
        yield table
    else:
        yield _line("", f"asked for: a loss of at most {numbers.some_points(found['margin'])}")
        yield _no_loss_table(rows)
    for note in (found["note"], found["clusters"]["note"] if found["clusters"] else None):
        if note:
            yield _line("", note)


def _guard(guard: Mapping[str, Any]) -> Iterator[RenderableType]:
    name = plain(guard["name"])
    if guard["kind"] == "zero_tolerance":
        yield _heading(f"Guard {name}: none of {numbers.count(guard['n'])} samples may fail")
    elif guard["kind"] != "metric":
        yield _heading(f"Guard {name}: at most {guard['max_ratio']:g} times the baseline's")
    else:
        allowed = numbers.some_points(guard["margin"])
        yield _heading(f"Guard {name}: may lose {allowed}, {numbers.count(guard['n'])} samples")
        yield _no_loss_table(guard["rows"])
    if guard["note"]:
        yield _line("", guard["note"])


def _no_loss_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    table = _shares_table(rows)
    if rows[0]["chance"] is not None:
        _row(table, "an equal candidate is cleared", [f"{100 * r['chance']:.0f} %" for r in rows])
        _row(table, "samples to clear it 4 times in 5", [numbers.count(r["n_needed"]) for r in rows])
    _row(table, "smallest loss excluded 4 times in 5", [numbers.points(r["resolves_points"]) for r in rows])
    return table


def _slices(small: Sequence[Mapping[str, Any]]) -> Iterator[RenderableType]:
    if not small:
        return
    shown = ", ".join(f"{one['slice']} ({one['n']})" for one in small[:_SHOWN_SLICES])
    more = f" and {len(small) - _SHOWN_SLICES} more" if len(small) > _SHOWN_SLICES else ""
    yield _heading("Slices too small to be judged")
    yield _line("", f"fewer than {small[0]['min_n']} samples: {shown}{more}")


def _gain(points: float | None) -> str:
    return "never" if points is None else numbers.signed(points)


def _shares_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    heads = [f"{100 * r['discordance']:.3g} %{' (last run)' if r['from'] == 'last run' else ''}" for r in rows]
    return _table("if the sides disagree on", *heads)


def _table(*heads: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for number, head in enumerate(heads):
        table.add_column(head, justify="right" if number else "left", no_wrap=bool(number), overflow="fold")
    return table


def _row(table: Table, name: str, cells: Sequence[str]) -> None:
    table.add_row(Text(name), *cells)


def _heading(text: str) -> RenderableType:
    return Padding(Text(text, style="bold"), (1, 0, 0, 0))


def _line(mark: str, text: str, style: str = "") -> RenderableType:
    """A sentence that wraps under its own start, not under its mark."""
    table = Table.grid(padding=0)
    table.add_column(width=len(mark), no_wrap=True)
    table.add_column()
    table.add_row(Text(mark, style=style), Text(plain(text)))
    return table if mark else Text(plain(text))
