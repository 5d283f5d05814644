"""A judge's criteria: what has to hang together in its file, and the criteria as data."""

from __future__ import annotations

from evalkit.judging.schema import CriterionEntry, JudgeFile
from evalkit.judging.spec import Criterion, Kind
from evalkit.suites.diagnostics import Findings, did_you_mean, dotted, listing
from evalkit.suites.yaml_source import Loc


def check_rubric(file: JudgeFile, findings: Findings) -> None:
    """Adds a finding for each key of a sound file that contradicts another one."""
    ids = [one.id for one in file.criteria]
    for i, name in enumerate(ids):
        if name in ids[:i]:
            loc: Loc = ("criteria", i, "id")
            findings.at(loc, f"{dotted(loc)}: another criterion is called '{name}'")
    for i, name in enumerate(file.hard_fail):
        if name not in ids:
            loc = ("hard_fail", i)
            message = f"{dotted(loc)}: there is no criterion '{name[:60]}'{did_you_mean(name, ids)}"
            findings.at(loc, message, help=f"criteria: {listing(ids)}")
    _check_inputs(file, findings)
    _check_mode(file, findings)


def _check_inputs(file: JudgeFile, findings: Findings) -> None:
    if len(set(file.inputs)) < len(file.inputs):
        findings.at(("inputs",), "inputs: one of them is named twice")
    if "output" not in file.inputs:
        hint = "say inputs: [question, output]"
        findings.at(("inputs",), "inputs: without `output` there is nothing to judge", help=hint)
    if file.mode == "reference" and "reference" not in file.inputs:
        hint = "say inputs: [question, reference, output]"
        findings.at(("inputs",), "inputs: a judge of mode reference is shown a reference", help=hint)


def _check_mode(file: JudgeFile, findings: Findings) -> None:
    is_pairwise = file.mode == "pairwise"
    for i, one in enumerate(file.criteria):
        kind = None if one.scale is None else one.scale.kind
        loc: Loc = ("criteria", i, "scale")
        if is_pairwise and kind not in {None, "preference"}:
            message = f"{dotted(loc)}: a pairwise judge says which of two answers is better"
            findings.at(loc, message, help="leave `scale` out, or take mode: rubric")
        if is_pairwise and kind is None and not (one.pass_text is None and one.fail_text is None):
            message = f"{dotted(loc[:2])}: `pass` and `fail` say nothing where two answers are compared"
            findings.at(loc[:2], message, help="put it into `question`: which answer is better, and by what")
        if not is_pairwise and kind == "preference":
            message = f"{dotted(loc)}: scale preference is for judges of mode pairwise"
            findings.at(loc, message, help="say scale: pass_fail, or scale: {min: 1, max: 5}")
    if is_pairwise and file.hard_fail:
        findings.at(("hard_fail",), "hard_fail: a pairwise judge fails nothing", help="leave it out")


def criteria_of(file: JudgeFile) -> tuple[Criterion, ...]:
    """The criteria in the file's order."""
    return tuple(_criterion(one, is_pairwise=file.mode == "pairwise") for one in file.criteria)


def _criterion(one: CriterionEntry, *, is_pairwise: bool) -> Criterion:
    scale: Kind | tuple[int, int] = "preference" if is_pairwise else "pass_fail"
    if one.scale is not None and one.scale.kind == "marks":
        scale = (one.scale.marks[0], one.scale.marks[-1])
    return Criterion(
        id=one.id,
        weight=one.weight,
        scale=scale,
        question=one.question,
        pass_text=one.pass_text or "",
        fail_text=one.fail_text or "",
        anchors={int(mark): text for mark, text in one.anchors.items()},
    )
