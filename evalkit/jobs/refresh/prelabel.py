"""A judge looks at what production answered before people do: only what it passes is shown to them as a suggestion."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from evalkit.errors import UsageError
from evalkit.jobs.judging.asking import ask_judge
from evalkit.jobs.refresh.desk import DEDUPED, LABELS, PLAN, PRELABELS, Desk, Row
from evalkit.jobs.rot.look import loaded
from evalkit.judging.load import load_judge
from evalkit.judging.spec import Item
from evalkit.plugins import backend_names
from evalkit.rot.lens import lens_of
from evalkit.run.progress import Progress

_PASSED = 1.0 - 1e-9
"""Full marks: a suggestion people are shown has no known fault."""


def prelabel(desk: Desk, judge: str, progress: Progress, overrides: Sequence[str] = ()) -> list[Row]:
    """What the judge makes of each logged answer, written to prelabels.jsonl: {id, passed, judge, judge_hash}.

    `passed` is None where the judge gave no usable grade; rows without a logged answer are not asked about. Raises
    UsageError once people's labels are in, for a judge that needs a reference or compares answers, and where production
    logged no answers; ExecutionError where the judge cannot be reached.
    """
    if desk.has(LABELS):
        raise UsageError("people have begun to label: what they are shown stays as it is")
    spec = load_judge(judge, overrides=overrides, backends=backend_names())
    if spec.mode != "rubric":
        raise UsageError(
            f"the judge {spec.id} has mode: {spec.mode}, and nothing is known yet that a new sample's answer could be "
            "compared with\n  help: name a judge with mode: rubric that looks at question and output"
        )
    lens = lens_of(loaded(Path(desk.document(PLAN)["suite"])))
    items = [
        Item(
            id=row["id"],
            inputs=dict.fromkeys(spec.inputs) | {"question": lens.of_fields(row["fields"], None).text},
            output=row["answered"] if isinstance(row["answered"], str) else json.dumps(row["answered"]),
        )
        for row in desk.rows(DEDUPED)
        if row["answered"] is not None
    ]
    if not items:
        raise UsageError("the logs hold no answers, so there is nothing that a judge could look at")
    judged = ask_judge(spec, items, progress)
    grades = judged.grades(judged.judgments)
    values = {item.id: grades[item.id].value for item in items}
    rows = [
        {"id": name, "passed": None if value is None else value >= _PASSED, "judge": spec.id,
         "judge_hash": judged.spec.judge_hash}
        for name, value in values.items()
    ]  # fmt: skip
    desk.write_rows(PRELABELS, rows)
    return rows


def vouched(desk: Desk, rows: Sequence[Row]) -> Mapping[str, object]:
    """Row → the logged answer that may be suggested for it: all of them, or with a judge those it passed."""
    if not desk.has(PRELABELS):
        return {row["id"]: row["answered"] for row in rows}
    passed = {one["id"] for one in desk.rows(PRELABELS) if one["passed"]}
    return {row["id"]: row["answered"] for row in rows if row["id"] in passed}
