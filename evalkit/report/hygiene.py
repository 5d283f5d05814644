"""The health of the data in words: for the terminal, for summary.md and for the report's panel."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from evalkit import numbers
from evalkit.report.grid import Table
from evalkit.report.read import Document, items, number, obj, objects, pair, text, whole, words
from evalkit.report.text import plain, shorten

WIDTH = 100
SHOWN = 10
LAYERS = {
    "exact": "word for word",
    "ngram": "a long run of the same words",
    "span": "one run of words makes up much of it",
    "near": "nearly the same words",
    "edited": "the same words in order, with changes",
    "semantic": "close in meaning",
    "answer": "its reference answer stands in a training output",
}
_PARTS = {
    "all": "all samples",
    "clean": "clean: not in the training data",
    "suspect": "suspect: in part",
    "dirty": "dirty: trained on",
}
_MARKS = {"ok": "✔", "warn": "!", "bad": "✖"}


def check_text(document: Document) -> str:
    """What `evalkit check` prints: findings first, then the training data, then what to do."""
    lines = [f"{text(document, 'suite')}: {numbers.count(whole(document, 'samples'))} samples"]
    lines += _overlap_lines(obj(document, "contamination"))
    lines += _age_lines(obj(document, "freshness"))
    lines += _sufficiency_lines(obj(document, "sufficiency"))
    lines += [_folded("!", words(sentence)) for sentence in items(document, "warnings")]
    return "\n".join([*lines, "", check_result(document)])


def check_result(document: Document) -> str:
    """The end of what `evalkit check` prints, and all that it prints with `--quiet`."""
    reasons = [_folded("✖", f"{text(r, 'code')}: {text(r, 'detail')}") for r in objects(document, "reasons")]
    return "\n".join(reasons) or _verdict_line(document)


def one_line(verdict: Document) -> str:
    """What was found of the samples in the training data, for a summary; empty where nothing was."""
    found = obj(verdict, "contamination")
    dirty, suspect = whole(found, "dirty") or 0, whole(found, "suspect") or 0
    leaked = whole(obj(found, "leakage"), "samples_in_shared_groups") or 0
    told = [f"{numbers.count(dirty)} samples trained on"] if dirty else []
    unread = whole(obj(found, "semantic"), "unread_samples") or 0
    told += [f"{numbers.count(suspect - unread)} in part"] if suspect > unread else []
    told += [f"{numbers.count(unread)} close in meaning to rows that nobody read"] if unread else []
    told += [f"{numbers.count(leaked)} in groups that were trained on"] if leaked else []
    effect = number(found, "effect_points")
    if told and effect is not None:
        ends = pair(found, "effect_ci95_points")
        told.append(
            f"dirty minus clean {numbers.signed(effect)} points {numbers.interval(ends) if ends else ''}".strip()
        )
    return "; ".join(told)


def parts_table(verdict: Document) -> Table:
    """The primary difference on all samples and on each class; no rows where all are clean."""
    found = obj(verdict, "contamination")
    parts = obj(found, "parts")
    rows = []
    labels = _PARTS | ({"suspect": "suspect: in part or in meaning"} if obj(found, "semantic") else {})
    for name, label in labels.items():
        part = obj(parts, name)
        if part:
            ends = pair(part, "ci95_points")
            delta = number(part, "delta_points")
            shown = "–" if delta is None else numbers.signed(delta)
            rows.append((label, numbers.count(whole(part, "n")), shown, numbers.interval(ends) if ends else "–"))
    effect, ends = number(found, "effect_points"), pair(found, "effect_ci95_points")
    if rows and effect is not None:
        rows.append(("dirty minus clean", "", numbers.signed(effect), numbers.interval(ends) if ends else "–"))
    return Table(head=("", "n", "difference, points", "95 % interval"), rows=tuple(rows), is_numeric=True)


def evidence_table(verdict: Document) -> Table:
    """Which samples stand where in the training data, the strongest evidence first."""
    rows = [
        (
            text(e, "id"),
            text(e, "state"),
            _how(e),
            _score(e),
            text(e, "training_row"),
            shorten(text(e, "span"), 160),
        )
        for e in objects(obj(verdict, "contamination"), "evidence")
    ]
    return Table(head=("sample", "state", "how", "score", "training row", "words in common"), rows=tuple(rows))


def groups_table(verdict: Document) -> Table:
    """Groups on both sides."""
    rows = [
        (
            f"{text(g, 'key')}={shorten(text(g, 'value'), 60)}",
            shorten(", ".join(words(s) for s in items(g, "samples")), 120),
            numbers.count(whole(g, "training_rows")),
            text(g, "first_row"),
        )
        for g in objects(obj(obj(verdict, "contamination"), "leakage"), "groups")
    ]
    return Table(head=("group", "samples", "training rows", "first"), rows=tuple(rows))


def layers_words(verdict: Document) -> str:
    """How many samples each kind of evidence speaks of."""
    layers = obj(obj(verdict, "contamination"), "layers")
    told = [f"{numbers.count(n)} {label}" for key, label in LAYERS.items() if (n := whole(layers, key))]
    return ", ".join(told)


def semantic_words(found: Document) -> str:
    """How paraphrases were looked for and what came of it; empty where nobody asked for it.

    `found`: the contamination of a verdict or of a check.
    """
    asked = obj(found, "semantic")
    if not asked:
        return ""
    if not asked.get("checked"):
        return f"paraphrases and translations: not looked for, {text(asked, 'note')}"
    close, pairs = whole(asked, "close_samples") or 0, whole(asked, "pairs") or 0
    told = (
        f"paraphrases and translations: {close:,} samples have rows closer in meaning than "
        f"{number(asked, 'percentile'):g} % of unrelated pairs (cosine above {number(asked, 'threshold'):.3f}, by "
        f"{text(asked, 'model')})"
    )
    if not text(asked, "judge"):
        told += "; nobody read them, so most may be clean: checks.semantic.judge names a model that does"
    elif pairs:
        said = obj(asked, "verdicts")
        told += (
            f"; of {pairs:,} pairs {text(asked, 'judge')} called {whole(said, 'yes') or 0:,} rephrasings and "
            f"{whole(said, 'no') or 0:,} none"
        )
        unread = whole(said, "unreadable") or 0
        told += f", {unread:,} replies could not be used" if unread else ""
    cut, unseen = whole(asked, "texts_cut") or 0, whole(asked, "samples_without_text") or 0
    told += f"; of {cut:,} texts only the beginning was looked at" if cut else ""
    return told + (f"; {unseen:,} samples have no text to look for" if unseen else "")


def _semantic_line(found: Document) -> Iterator[str]:
    told = semantic_words(found)
    if told:
        asked = obj(found, "semantic")
        yes = whole(obj(asked, "verdicts"), "yes")
        mark = "–" if not asked.get("checked") else "✖" if yes else "!" if _is_open(asked) else "✔"
        yield _folded(mark, told)


def _is_open(asked: Document) -> bool:
    """True where something close went unread, or where not every text could be looked at whole."""
    unread = whole(obj(asked, "verdicts"), "unreadable") if text(asked, "judge") else whole(asked, "close_samples")
    return any((unread, whole(asked, "samples_without_text"), whole(asked, "texts_cut")))


def _score(evidence: Document) -> str:
    """How much a row and a sample have in common: a share of words, or how close their meanings are."""
    score = number(evidence, "score")
    if score is not None and text(evidence, "layer") == "semantic":
        return f"cosine {score:.2f}"
    return numbers.percent(score)


def _how(evidence: Document) -> str:
    """What a row and a sample have in common."""
    layer = text(evidence, "layer")
    if layer == "semantic" and text(evidence, "state") == "dirty":
        return "the same in other words"  # somebody read it
    return LAYERS.get(layer, layer)


def _overlap_lines(found: Document) -> Iterator[str]:
    if not found.get("checked"):
        yield _folded("–", f"overlap not checked: {text(found, 'note')}")
        return
    dirty, suspect = whole(found, "dirty") or 0, whole(found, "suspect") or 0
    rows = numbers.count(whole(found, "training_rows"))
    n = whole(found, "samples") or 0
    mark = "✖" if dirty else "!" if suspect else "✔"
    clean = n - dirty - suspect
    yield _folded(
        mark,
        f"overlap with {rows} training rows: {dirty:,} samples dirty, {suspect:,} suspect, {clean:,} clean"
        + (f" ({told})" if (told := layers_words({"contamination": found})) else ""),
    )
    shown = objects(found, "evidence")[:SHOWN]
    for e in shown:
        span = f": “{shorten(text(e, 'span'), 120)}”" if text(e, "span") else ""
        yield _folded(
            " ", f"{text(e, 'id')} ← {text(e, 'training_row')}, {text(e, 'state')}, {_how(e)}{span}", deep=True
        )
    left = dirty + suspect - len({text(e, "id") for e in shown})
    if left:
        yield _folded(" ", f"and {left:,} more; --json prints them all", deep=True)
    yield from _semantic_line(found)
    leakage = obj(found, "leakage")
    if items(leakage, "group_keys"):
        groups, inside = whole(leakage, "shared_groups") or 0, whole(leakage, "samples_in_shared_groups") or 0
        lacking = {words(key) for name in ("absent_keys", "keys_no_sample_has") for key in items(leakage, name)}
        keys = ", ".join(key for one in items(leakage, "group_keys") if (key := words(one)) not in lacking)
        if keys:
            told = f"groups by {keys}: {groups:,} on both sides, with {inside:,} samples"
            yield _folded("✖" if groups else "✔", told)
        if lacking:
            yield _folded("–", f"groups by {', '.join(sorted(lacking))}: not compared, one side has no such column")


def _age_lines(found: Document) -> Iterator[str]:
    age, limit = number(found, "age_days"), number(found, "max_age_days")
    if age is not None:
        allowed = f", at most {limit:,g} allowed" if limit is not None else ""
        yield _folded("✖" if limit is not None and age > limit else "✔", f"newest sample: {age:,.0f} days old{allowed}")


def _sufficiency_lines(found: Document) -> Iterator[str]:
    if not found:
        return
    guessed = " (guessed; checks.task says otherwise)" if found.get("task_is_guessed") else ""
    yield ""
    yield _folded("", f"training data: {numbers.count(whole(found, 'rows'))} rows for {text(found, 'task')}{guessed}")
    for one in objects(found, "advice"):
        rows = ", ".join(words(row) for row in items(one, "rows")[:3])
        yield _folded(
            _MARKS.get(text(one, "level"), ""),
            f"{text(one, 'name')}: {text(one, 'told')}" + (f" ({rows})" if rows else ""),
        )
        if text(one, "fix"):
            yield _folded(" ", f"→ {text(one, 'fix')}", deep=True)


def _verdict_line(document: Document) -> str:
    if not obj(document, "contamination").get("checked"):
        return "nothing was found in what could be checked"
    if _dirty(document):
        return "few enough samples are dirty"
    asked = obj(obj(document, "contamination"), "semantic")
    is_read = asked.get("checked") and not _is_open(asked)
    return f"no sample was trained on, as far as shared words{' and meaning' if is_read else ''} show"


def _dirty(document: Document) -> int:
    return whole(obj(document, "contamination"), "dirty") or 0


def _folded(mark: str, sentence: str, *, deep: bool = False) -> str:
    lead = f"{mark} " if mark else ""
    indent = " " * (4 if deep else len(lead))
    first = indent if deep else lead
    return textwrap.fill(
        plain(sentence),
        WIDTH,
        initial_indent=first,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
