"""When the change has paid for itself, as tables and sentences made from verdict.json."""

from __future__ import annotations

from collections.abc import Iterator

from evalkit import numbers
from evalkit.report.grid import NONE, Table
from evalkit.report.read import Document, items, number, obj, objects, pair, text, words


def payback_table(verdict: Document) -> Table:
    """What the change cost, counted in up to three ways, and when that is paid back."""
    rows = [
        (
            text(line, "what"),
            text(line, "words"),
            numbers.usd(number(line, "upfront_usd")),
            numbers.usd(number(line, "usd_per_day")),
        )
        for line in objects(_payback(verdict), "lines")
    ]
    return Table(head=("", "paid back", "once", "every day"), rows=tuple(rows), is_numeric=True)


def sensitivity_table(verdict: Document) -> Table:
    """The payback with everything counted, under other assumptions."""
    rows = tuple((text(line, "what"), text(line, "words")) for line in objects(_payback(verdict), "sensitivity"))
    return Table(head=("if instead", "paid back"), rows=rows, is_numeric=True)


def payback_sentences(verdict: Document) -> tuple[str, ...]:
    """What a request saves, what that makes a year, where it breaks even, and whether that is soon enough."""
    told = tuple(_sentences(obj(verdict, "cost")))
    which = _against(verdict)
    return (f"{which[:1].upper()}{which[1:]}{told[0][:1].lower()}{told[0][1:]}", *told[1:]) if which and told else told


def payback_line(verdict: Document) -> str:
    """Saving and payback in one line; empty when the suite says nothing of economics.

    >>> payback_line({"cost": {"payback": {"words": "after 29.7 days [28.1, 31.5]", "asked_days": 90}}})
    'paid back after 29.7 days [28.1, 31.5]; at most 90 days asked for'
    """
    found = _payback(verdict)
    if not found:
        return ""
    when = text(found, "words") or text(found, "note")
    saving = number(obj(obj(verdict, "cost"), "saving_per_day"), "point")
    told = f"{numbers.usd(saving)} saved a day, " if saving is not None else ""
    return f"{_against(verdict)}{told}paid back {when}; at most {numbers.days(number(found, 'asked_days'))} asked for"


def assumptions(verdict: Document) -> tuple[str, ...]:
    """What these figures take for granted."""
    return tuple(words(sentence) for sentence in items(obj(verdict, "cost"), "assumptions"))


def _against(verdict: Document) -> str:
    """Of several baselines the one that these figures are about; empty where there is only one."""
    return f"against {text(verdict, 'against')}: " if len(obj(verdict, "baselines")) > 1 else ""


def _payback(verdict: Document) -> Document:
    return obj(obj(verdict, "cost"), "payback")


def _sentences(cost: Document) -> Iterator[str]:
    each = obj(cost, "per_request")
    difference, ends = number(each, "diff"), pair(each, "ci95")
    if difference is not None and ends is not None and not text(each, "note"):
        word, low, high = ("more", *ends) if difference > 0 else ("less", -ends[1], -ends[0])
        told = _between(abs(difference), low, high)
        yield (
            f"On {numbers.count(number(each, 'n'))} pairs, a request to the candidate costs {told} {word} than one to "
            "the baseline (in brackets the 95 % interval)."
        )
    found = obj(cost, "payback")
    if not found:
        return
    if text(found, "note"):
        yield f"When the change has paid for itself is {text(found, 'note')}."
        return
    year = obj(cost, "saving_per_year")
    saved = _between(*(number(year, key) for key in ("point", "low", "high")))
    yield f"That saves {saved} a year, upkeep and hosting not yet taken off."
    when = text(found, "words")
    pays = "never pays for itself" if when == "never" else f"pays for itself {when}"
    yield (
        f"With everything counted, the change {pays}; "
        f"the suite asks for at most {numbers.days(number(found, 'asked_days'))}."
    )
    enough, upkeep = (
        number(obj(cost, key), "point") for key in ("break_even_req_per_day", "break_even_upkeep_req_per_day")
    )
    if enough is None:
        yield "No number of requests would pay it back in that time."
    else:
        yield (
            f"It takes about {numbers.count(enough)} requests a day to pay it back in that time, and "
            f"{numbers.count(upkeep) if upkeep is not None else NONE} to cover upkeep and hosting alone."
        )


def _between(point: float | None, low: float | None, high: float | None) -> str:
    return f"{_usd(point)} [{_usd(low)}, {_usd(high)}]"


def _usd(value: float | None) -> str:
    """Dollars; cents say nothing about thousands, and two digits hide how sure a small saving is."""
    if value is None or 0.1 <= abs(value) < 1000 or value == 0:  # noqa: PLR2004 - where cents are the right unit
        return numbers.usd(value)
    shown = f"${value:,.0f}" if abs(value) > 1 else f"${float(f'{value:.4g}'):.10f}".rstrip("0")
    return shown.replace("$-", f"{numbers.MINUS}$")
