"""`evalkit judge calibrate JUDGE`: the judge beside people, and whether a gate may rest on it."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct, structs

from evalkit.errors import UsageError
from evalkit.fingerprint import file_sha256
from evalkit.jobs.judging.asking import ask_judge
from evalkit.jobs.judging.probe import items_beside, labels_beside
from evalkit.jobs.judging.records import known_of, write_record
from evalkit.jobs.recorded import find_run
from evalkit.judging.calibration import Calibration, measured
from evalkit.judging.calibration_file import as_document
from evalkit.judging.labels import Answer, Label, read_items, read_labels
from evalkit.judging.load import load_judge
from evalkit.judging.spec import JudgeSpec, Judgment
from evalkit.plugins import backend_names
from evalkit.run.progress import Progress

JUDGMENTS = "judgments.jsonl"
NOT_YOURS = (
    "these labels come with evalkit and are one person's, on simple answers of no suite of yours: how the judge errs "
    "on your answers only labels of your own tell (--labels)"
)


class Source(Struct, frozen=True, kw_only=True):
    """Where labels come from, and the answers they are about."""

    labels: Path | None = None
    """None: those that come with the judge."""
    items: Path | None = None
    run: str | None = None
    """A finished run that this judge graded: the labels are about its answers, by sample id and role."""
    out: Path = Path("reports")


class Calibrated(Struct, frozen=True, kw_only=True):
    """What was found, ready for JSON, and where it was written (without `standing`, which changes with the days)."""

    document: dict[str, Any]
    path: Path

    @property
    def exit_code(self) -> int:
        """1 where no gate may rest on the judge, by these labels or because it failed a security probe; else 0."""
        return 0 if self.document["is_gateable"] and not self.document["standing"]["is_forgeable"] else 1


def calibrate_judge(name: str, source: Source, progress: Progress, *, overrides: Sequence[str] = ()) -> Calibrated:
    """Measures the judge by people's labels and writes its calibration down, bound to this very judge."""
    spec = load_judge(name, overrides=overrides, backends=backend_names())
    path = source.labels or labels_beside(spec)
    if path is None:
        raise UsageError(
            f"{spec.id} comes without labels of people: name a file of them with --labels\n"
            '  help: one JSON object a line: {"item_id": …, "rater_id": …, "criterion": …, "verdict": …, "role": …}'
        )
    if source.run is not None:
        made = _of_run(spec, source, path)
    else:
        items = read_items(source.items or items_beside(spec), spec)
        labels = read_labels(path, spec, {one.role for one in items})
        wanted = {label.answer for label in labels}
        chosen = {one.answer: one.named for one in items if one.answer in wanted}
        _refuse_unknown(chosen, labels, path)
        judged = ask_judge(spec, chosen.values(), progress)
        found = {answer: judged.judgments[item.id] for answer, item in chosen.items()}
        made = measured(judged.spec, labels, found, at=_now(), sha256=file_sha256(path))
    if spec.is_bundled and _is_bundled(spec, path):
        made = structs.replace(made, is_bundled=True, warnings=(*made.warnings, NOT_YOURS))
    document = as_document(made)
    path = write_record(spec, "calibration", document)
    known = known_of(structs.replace(spec, judge_hash=made.judge_hash), dt.datetime.now(dt.UTC))
    standing = known.document() | {"is_forgeable": known.is_forgeable}
    return Calibrated(document=document | {"standing": standing}, path=path)


def _is_bundled(spec: JudgeSpec, path: Path) -> bool:
    """Whether these are the labels that came with the judge, wherever a copy of them lies."""
    own = labels_beside(spec)
    return own is not None and file_sha256(own) == file_sha256(path)


def _of_run(spec: JudgeSpec, source: Source, path: Path) -> Calibration:
    """The calibration by what the judge said in a run, without asking it again."""
    run = find_run(source.run or "", source.out)
    file = run.folder / JUDGMENTS
    graded: dict[Answer, list[Judgment]] = {}
    hashes: set[str] = set()
    for judgment in _judgments(file):
        if judgment.criterion in {one.id for one in spec.criteria}:
            hashes.add(judgment.judge_hash)
            graded.setdefault((judgment.item_id, judgment.role), []).append(judgment)
    if len(hashes) != 1:
        what = "grades of no judge with these criteria" if not hashes else "grades of several judges of these criteria"
        raise UsageError(f"{file} holds {what}")
    _refuse_other_models(spec, [one for rows in graded.values() for one in rows], file)
    labels = read_labels(path, spec, {role for _, role in graded})
    by_sample: dict[Answer, list[str]] = {}
    for name, role in graded:
        by_sample.setdefault((_sample(name), role), []).append(name)
    named = []
    for one in labels:
        names = [one.item_id] if one.answer in graded else by_sample.get(one.answer, [one.item_id])
        if len(names) > 1:
            raise UsageError(
                f"{path}: {one.item_id[:60]!r} is a sample that the {one.role} answered in {len(names)} ways, and the "
                f"label does not say which it is about\n  help: write the answer's own item_id, as {file.name} has it"
            )
        named.append(structs.replace(one, item_id=names[0]))
    _refuse_unknown(graded, named, path)
    sealed = structs.replace(spec, judge_hash=hashes.pop())
    sides = next((one.get("sides") for one in run.document["judges"] if one["hash"] == sealed.judge_hash), None)
    return measured(sealed, named, graded, at=_now(), sha256=file_sha256(path), sides=sides)


def _judgments(file: Path) -> list[Judgment]:
    try:
        return [Judgment.from_row(json.loads(line)) for line in file.read_text(encoding="utf-8").splitlines()]
    except FileNotFoundError as error:
        raise UsageError(f"{file} is missing: no judge graded this run") from error
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise UsageError(f"{file} cannot be read: {error}") from error


def _refuse_other_models(spec: JudgeSpec, found: Sequence[Judgment], file: Path) -> None:
    """Raises UsageError where the run's judge had other members or votes: its grades would be half read."""
    members, votes = {one.member for one in found}, 1 + max(one.vote for one in found)
    if members == set(spec.members) and votes == spec.votes:
        return
    raise UsageError(
        f"{file}: the run's judge had models: {len(members)}, votes: {votes}, and {spec.id} as named here has models: "
        f"{len(spec.members)}, votes: {spec.votes}\n"
        "  help: say votes and panel as the suite does: --set votes=3, --set 'panel=[{backend: …, model: …}, …]'"
    )


def _refuse_unknown(found: Mapping[Answer, object], labels: Sequence[Label], path: Path) -> None:
    """Raises UsageError where no label is about anything here."""
    if any(label.answer in found for label in labels):
        return
    first = labels[0]
    by = f" of the {first.role}" if first.role else ""
    raise UsageError(
        f"{path}: none of these labels is about an answer here; the first is about {first.item_id[:60]!r}{by}\n"
        "  help: item_id (and role, where the answers name one) must be those of --items, or of the run's samples"
    )


def _sample(name: str) -> str:
    """The sample's id in an answer's id, which has a digest of the answer after it."""
    return name.rsplit(" ", 1)[0]


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
