"""`evalkit judge probe JUDGE`: what moves this judge's grades that should not."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

from msgspec import Struct

from evalkit.errors import UsageError
from evalkit.jobs.judging.asking import ask_judge
from evalkit.jobs.judging.records import PROBE_SCHEMA, beside_people, write_record
from evalkit.judging.labels import LabelledItem, consensus, read_items, read_labels
from evalkit.judging.load import load_judge
from evalkit.judging.probe import ProbeFinding, distrust, found
from evalkit.judging.probe_cases import probes_of
from evalkit.judging.self_preference import Said, self_preference
from evalkit.judging.spec import Item, JudgeSpec
from evalkit.plugins import backend_names
from evalkit.run.progress import Progress

DEFAULT_ITEMS = 24
"""About 300 questions with these: enough for a weakness that shows in one of ten answers."""
SEED = 7


class Probed(Struct, frozen=True, kw_only=True):
    """What was found, ready for JSON, and where it was written."""

    document: dict[str, Any]
    path: Path

    @property
    def exit_code(self) -> int:
        """1 where a probe failed, 3 where one that a gate rests on could not be measured, else 0."""
        if any(row["state"] == "failed" for row in self.document["probes"]):
            return 1
        return 3 if self.document["distrust"] else 0


def probe_judge(
    name: str,
    items: Path | None,
    progress: Progress,
    *,
    limit: int | None,
    labels: Path | None = None,
    overrides: Sequence[str] = (),
) -> Probed:
    """Probes the judge on the answers in `items` (or those it was calibrated on) and writes down what came of it.

    `labels`: what people said of them; left out: what lies beside the judge, if anything does.
    """
    spec = load_judge(name, overrides=overrides, backends=backend_names())
    answers = read_items(items or items_beside(spec), spec)
    path = labels or labels_beside(spec)
    said = {} if path is None else consensus(read_labels(path, spec, {one.role for one in answers}), spec)
    most = limit or DEFAULT_ITEMS
    chosen = Random(SEED).sample(answers, min(len(answers), most))  # noqa: S311 - picks, guards nothing
    plain = [one.named for one in chosen]
    probes = (*probes_of(spec, plain, _bad(spec, answers, chosen, said)), self_preference(spec, answers, said, most))
    cases = [case for probe in probes if not probe.is_asked_anew for case in probe.cases]
    first = [*plain, *(item for case in cases for item in (case.item, case.plain) if item is not None)]
    judged = ask_judge(spec, first, progress, anew=plain)
    grades, again = judged.grades(judged.judgments), judged.grades(judged.anew)
    findings = [found(probe, grades, again) for probe in probes]
    document = _document(judged.spec, findings, len(plain))
    return Probed(document=document, path=write_record(judged.spec, "probe", document))


def items_beside(spec: JudgeSpec) -> Path:
    """The answers that come with a judge. Raises UsageError where there are none."""
    path = spec.path.parent / "calibration" / f"{spec.id}.items.jsonl"
    if not path.is_file():
        raise UsageError(
            f"{spec.id} comes without answers to try it on: name a file of them with --items\n"
            f"  help: one JSON object a line: item_id, {', '.join(spec.inputs)}"
        )
    return path


def labels_beside(spec: JudgeSpec) -> Path | None:
    """People's labels that come with a judge; None where there are none."""
    stated = spec.calibration.labels if spec.calibration is not None else None
    path = stated or spec.path.parent / "calibration" / f"{spec.id}.labels.jsonl"
    return path if path.is_file() else None


def _bad(spec: JudgeSpec, answers: Sequence[LabelledItem], chosen: Sequence[LabelledItem], said: Said) -> list[Item]:
    """Answers that deserve no pass: those people failed, or else answers to another item's question."""
    if spec.mode != "pairwise":
        worst = {criterion.id: criterion.verdicts[1] for criterion in spec.criteria if criterion.scale == "pass_fail"}
        failed = {answer for (answer, name), verdict in said.items() if verdict == worst.get(name, "")}
        if known := [one.named for one in answers if one.answer in failed]:
            return known[: len(chosen)]
    turned = [*chosen[1:], chosen[0]]
    return [
        Item(id=f"{one.named.id} / other's answer", inputs=one.item.inputs, output=other.item.output)
        for one, other in zip(chosen, turned, strict=True)
        if one.item.output != other.item.output
    ]


def _document(spec: JudgeSpec, findings: Sequence[ProbeFinding], n: int) -> dict[str, Any]:
    now = dt.datetime.now(dt.UTC)
    return {
        "schema": PROBE_SCHEMA,
        "judge": spec.id,
        "version": spec.version,
        "judge_hash": spec.judge_hash,
        "at": now.isoformat(timespec="seconds"),
        "n_items": n,
        "distrust": distrust(findings) or None,
        "calibration": beside_people(spec, now).document(),
        "probes": [one.as_row() for one in findings],
    }
