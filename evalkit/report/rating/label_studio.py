"""The same blind comparisons for teams that have Label Studio: tasks and labelling set-up out, its JSON export in.

Tags and the shape of results: https://labelstud.io/tags/pairwise and https://labelstud.io/guide/export. `<Pairwise>`
knows two answers only, so a row of choices beside it says "about the same" and "both are bad".
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any
from xml.sax.saxutils import quoteattr

from evalkit.errors import UsageError
from evalkit.report.rating.batch import Sheet
from evalkit.report.rating.exports import Export, Rating

SAME, BOTH_BAD = "About the same", "Both are bad"
_CHOICES = {SAME: "same", BOTH_BAD: "both_bad", "left": "left", "right": "right"}


def tasks(sheet: Sheet) -> bytes:
    """label-studio-tasks.json: one task a comparison, in the page's order, as blind as the page."""
    rows = [
        {"data": {"batch": sheet.batch, "item": i.item, "prompt": i.prompt, "left": i.left, "right": i.right}}
        for i in sheet.items
    ]
    return (json.dumps(rows, ensure_ascii=False, indent=1) + "\n").encode()


def labelling_config(sheet: Sheet) -> bytes:
    """label-studio.xml: the labelling interface of the project, the rubric on top."""
    lines = (
        "<View>",
        f"  <Header value={quoteattr('Which answer is better?')}/>",
        f"  <Header size={quoteattr('6')} value={quoteattr(' '.join(sheet.rubric.split()))}/>",
        '  <Text name="prompt" value="$prompt"/>',
        '  <Pairwise name="better" toName="left,right"/>',
        '  <View style="display: grid; grid-template-columns: 1fr 1fr; column-gap: 1em">',
        '    <Text name="left" value="$left"/>',
        '    <Text name="right" value="$right"/>',
        "  </View>",
        '  <Choices name="neither" toName="prompt" choice="single-radio" showInline="true">',
        f'    <Choice value="{SAME}"/>',
        f'    <Choice value="{BOTH_BAD}"/>',
        "  </Choices>",
        "</View>",
    )
    return ("\n".join(lines) + "\n").encode()


def read_label_studio(raw: bytes, where: str) -> tuple[Export, ...]:
    """The raters in a project's JSON export, by their number there. Skipped tasks are left out.

    Addresses stay behind: raters' names go into the report, which travels.

    Raises UsageError for a file that is no such export, for tasks of several pages, and where one person rated one
    task twice. Such a file carries no running hash: who could edit the project could edit the ratings.
    """
    found: dict[str, dict[str, Rating]] = {}
    batches = set()
    for number, task in enumerate(_tasks(raw, where), start=1):
        data = task.get("data")
        if not isinstance(data, Mapping) or not isinstance(data.get("item"), str):
            raise UsageError(f"{where}: task {number} was not made by `evalkit rate RUN --label-studio`")
        batches.add(str(data.get("batch")))
        for rater, rating in _annotations(task, data["item"]):
            rows = found.setdefault(rater, {})
            if rating.item in rows:
                raise UsageError(
                    f"{where}: {rater} rated task {number} more than once\n  help: delete one of the annotations"
                )
            rows[rating.item] = rating
    if len(batches) > 1:
        raise UsageError(
            f"{where}: the tasks come from {len(batches)} different rating pages\n  help: export one at a time"
        )
    batch = next(iter(batches), "")
    return tuple(Export(rater=rater, batch=batch, ratings=tuple(rows.values())) for rater, rows in found.items())


def _tasks(raw: bytes, where: str) -> list[Mapping[str, Any]]:
    try:
        rows = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{where} is no JSON: {error}") from None
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise UsageError(
            f"{where} is no export of Label Studio\n  help: export the project in the format JSON, not JSON-MIN"
        )
    return rows


def _annotations(task: Mapping[str, Any], item: str) -> Iterator[tuple[str, Rating]]:
    for annotation in task.get("annotations") or ():
        if not isinstance(annotation, Mapping) or annotation.get("was_cancelled"):
            continue
        choice = _choice(annotation.get("result"))
        if choice is None:
            continue
        lead = annotation.get("lead_time")
        seconds = float(lead) if isinstance(lead, int | float) and not isinstance(lead, bool) else None
        yield _rater(annotation.get("completed_by")), Rating(item=item, choice=choice, seconds=seconds)


def _choice(results: Any) -> str | None:
    """What one annotation says; the row of choices wins over a side, for it was clicked on purpose beside it."""
    said: dict[str, str] = {}
    for result in results if isinstance(results, list) else ():
        value = result.get("value") if isinstance(result, Mapping) else None
        if isinstance(value, Mapping):
            chosen = value.get("choices") if result.get("type") == "choices" else [value.get("selected")]
            for name in chosen if isinstance(chosen, list) else ():
                if name in _CHOICES:
                    said[str(result.get("type"))] = _CHOICES[name]
    return said.get("choices") or said.get("pairwise")


def _rater(completed_by: Any) -> str:
    """The annotator's number, which an export holds bare or in an object; an address only where there is no number."""
    if isinstance(completed_by, Mapping):
        number = completed_by.get("id")
        completed_by = number if number is not None else completed_by.get("email")
    return f"Label Studio user {completed_by}" if completed_by is not None else "Label Studio, nobody named"
