"""The steps that people decide: labels, and the approval without which nothing enters a suite."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import structs, to_builtins

from evalkit.errors import InvalidEvidence, UsageError
from evalkit.jobs.refresh.desk import APPROVALS, APPROVED, DEDUPED, LABELS, PLAN, QUEUE, RETIRED, Desk, Row
from evalkit.jobs.refresh.label_files import labels_in_file
from evalkit.jobs.refresh.prelabel import vouched
from evalkit.jobs.rot.look import loaded
from evalkit.rot.label_studio import labelling_config, tasks
from evalkit.rot.labels import BLIND_SHARE, DOUBLE_SHARE, FLOOR, Label, Resolved, resolved, share_of
from evalkit.rot.lens import lens_of
from evalkit.rot.parts import MisfitError, fitted, parts_of, spelled
from evalkit.rot.pii import Scrubber, residue
from evalkit.store.files import write_atomic
from evalkit.types import JsonValue

BASIS = (PLAN, DEDUPED, QUEUE, LABELS, RETIRED)
"""What an approval speaks of: when one of them changes, it is given again."""
_LETTER = re.compile(r"[^\W\d_]")
STUDIO, STUDIO_CONFIG = "label-studio.json", "label-studio.xml"


def queue(desk: Desk) -> list[Row]:
    """The queue for people: a fifth is to be labelled twice, a fifth does not show what production answered."""
    if desk.has(LABELS):
        return desk.rows(QUEUE)
    suite = loaded(Path(desk.document(PLAN)["suite"]))
    lens, rows = lens_of(suite), desk.rows(DEDUPED)
    suggested = vouched(desk, rows)
    ids = [row["id"] for row in rows]
    double, blind = share_of(ids, DOUBLE_SHARE, "double"), share_of(ids, BLIND_SHARE, "blind")
    choices = {name: sorted(labels) for name, labels in lens.labels.items()}
    parts = parts_of([sample.target for sample in suite.samples])
    items = [
        {
            "id": row["id"],
            "text": lens.of_fields(row["fields"], None).text,
            "choices": choices,
            "parts": parts,
            "double": row["id"] in double,
            "blind": row["id"] in blind,
            "suggested": None if row["id"] in blind else suggested.get(row["id"]),
        }
        for row in rows
    ]
    desk.write_rows(QUEUE, items)
    return items


def export_to_studio(desk: Desk, folder: Path) -> tuple[Path, Path]:
    """Writes the queue as Label Studio's tasks and its labelling interface; (tasks, interface)."""
    items = desk.rows(QUEUE)
    # Private, as the queue itself: names are still in it.
    write_atomic(folder / STUDIO, json.dumps(tasks(items), indent=1).encode("ascii") + b"\n", is_private=True)
    config = labelling_config(items[0]["choices"], items[0].get("parts", ())) if items else labelling_config({})
    write_atomic(folder / STUDIO_CONFIG, config.encode("utf-8", "xmlcharrefreplace"), is_private=True)
    return folder / STUDIO, folder / STUDIO_CONFIG


def take_labels(desk: Desk, path: Path) -> Resolved:
    """Takes in what people said: JSON lines {id, label, by} or {id, skip, by}, or an export of Label Studio.

    The same person's later word replaces the earlier one. Raises UsageError, with its line, for a label that is none.
    """
    items = {item["id"]: item for item in desk.rows(QUEUE)}
    kept = {(one["id"], one["by"]): one for one in (desk.rows(LABELS) if desk.has(LABELS) else [])}
    before, disputed = dict(kept), frozenset(state(desk).disputed if kept else ())
    names = {by.casefold(): by for _, by in kept}
    for where, found in labels_in_file(path):
        # Ann and ann are one person, here as in an approval.
        label = structs.replace(found, by=names.setdefault(found.by.casefold(), found.by))
        item = items.get(label.id)
        if item is None:
            raise UsageError(f"{where}: there is no sample {label.id[:80]!r} in {desk.folder / QUEUE}")
        told = to_builtins(label if label.skip is not None else _whole(label, item, where))
        earlier = before.get((label.id, label.by))
        told["settles"] = label.id in disputed if earlier is None else earlier.get("settles", False)
        kept[label.id, label.by] = told
    desk.write_rows(LABELS, sorted(kept.values(), key=lambda one: (one["id"], one["by"])))
    return state(desk)


def state(desk: Desk) -> Resolved:
    """What the labels come to so far."""
    labels = [Label(**one) for one in (desk.rows(LABELS) if desk.has(LABELS) else [])]
    # Like with like: what a judge held back was shown to nobody, so it says nothing of whether people follow.
    production = vouched(desk, desk.rows(DEDUPED))
    return resolved([item | {"production": production.get(item["id"])} for item in desk.rows(QUEUE)], labels)


def approve(desk: Desk, by: str, accepted: str | None) -> tuple[list[Row], int]:
    """(the samples that may enter the suite, how many more people have to approve).

    `accepted`: why labels on which people agree too little, or were not compared, are taken all the same. Raises
    InvalidEvidence where they are not, UsageError where there is nothing to approve, nobody's name, or personal data.
    """
    if not by.strip():
        raise UsageError("an approval carries a name: --by NAME")
    asked, labels = desk.document(PLAN), state(desk)
    if not labels.labels and not desk.has(RETIRED):
        raise UsageError("nothing is labelled yet\n  help: evalkit refresh label --from FILE")
    if labels.labels and accepted is None:
        _refuse_doubtful(labels)
    basis = desk.digest(BASIS)
    before = desk.document(APPROVALS) if desk.has(APPROVALS) else {}
    given: list[Row] = [one for one in before.get("by", []) if before.get("basis") == basis]
    if by.strip().casefold() not in {one["name"].casefold() for one in given}:
        given.append({"name": by.strip(), "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())})
    rows = [_approved(row, labels) for row in desk.rows(DEDUPED) if row["id"] in labels.labels]
    _refuse_personal(desk, rows)
    _refuse_personal_labels(desk, rows)
    desk.write_rows(APPROVED, rows)
    # Last, with the digest of what was approved: without it the rows are no more than a proposal.
    desk.write_document(APPROVALS, {
        "basis": basis,
        "rows_sha256": hashlib.sha256(desk.content(APPROVED)).hexdigest(),
        "needed": asked["approvals"],
        "by": given,
        "accepted": accepted,
        "ac1": labels.ac1,
        "kappa": labels.kappa,
        "double_labelled": labels.n_double,
    })  # fmt: skip
    return rows, max(0, int(asked["approvals"]) - len(given))


def approved(desk: Desk) -> tuple[list[Row], Row]:
    """(the approved samples, the approval). Raises UsageError where it is not whole or speaks of something else."""
    if not desk.has(APPROVALS):
        raise UsageError("nothing enters a suite without approval\n  help: evalkit refresh approve --by NAME")
    found, rows = desk.document(APPROVALS), desk.rows(APPROVED)
    again = "\n  help: look at it and approve again: evalkit refresh approve --by NAME"
    if found.get("basis") != desk.digest(BASIS):
        raise UsageError(f"labels, samples or the plan changed after they were approved{again}")
    if found.get("rows_sha256") != hashlib.sha256(desk.content(APPROVED)).hexdigest():
        raise UsageError(f"{APPROVED} is not what was approved{again}")
    missing = int(found["needed"]) - len(found["by"])
    if missing > 0:
        people = "one more person has" if missing == 1 else f"{missing} more people have"
        raise UsageError(f"{people} to approve\n  help: evalkit refresh approve --by SOMEBODY-ELSE")
    return rows, found


def _refuse_doubtful(labels: Resolved) -> None:
    help_ = '\n  help: label these again, or say why that will do: --accept-agreement "REASON"'
    if labels.ac1 is None:
        raise InvalidEvidence(
            f"no sample was labelled by two people, so nobody knows how far the labels can be trusted{help_}",
            code="AGREEMENT_UNKNOWN",
        )
    if labels.ac1 < FLOOR:
        raise InvalidEvidence(
            f"two people agree too little: AC1 {labels.ac1:.2f} on {labels.n_double} samples, wanted {FLOOR}{help_}",
            code="AGREEMENT_LOW",
        )


def personal_in(labels: Mapping[str, JsonValue], known: Sequence[JsonValue]) -> Iterator[tuple[str, str]]:
    """(name, kind of personal data) of labels whose free texts hold any; what is `known`, a hotline say, is not meant.

    A text of one word, or of figures alone, is no free text: numbers and dates are what many suites ask for.
    """
    suspects = [(name, text) for name, label in labels.items() for text in _texts(label) if _is_free(text)]
    suspects = [(name, text) for name, text in suspects if residue(text)]
    own = Scrubber()
    if suspects:
        own.value(list(known))
    for name, text in suspects:
        found = Scrubber()
        rest = found.text(text)
        kinds = [kind for kind, value in found.names if (kind, value) not in own.names]
        if left := next(iter(kinds), None) or residue(rest):
            yield name, left


def _is_free(text: str) -> bool:
    return "@" in text or (len(text.split()) > 1 and _LETTER.search(text) is not None)


def _texts(value: JsonValue) -> Iterator[str]:
    """The texts in a value, also in one that is spelled as JSON."""
    if isinstance(value, str):
        inner = spelled(value)
        if isinstance(inner, dict | list):
            yield from _texts(inner)
        else:
            yield value
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _texts(one)


def _refuse_personal(desk: Desk, rows: list[Row]) -> None:
    """Raises UsageError for a row that `scrub` keeps out: the file was edited since, or scrubbed by other rules."""
    for row in rows:
        if (left := residue(row["fields"])) is not None:
            told = f"what sample {row['id']} asks holds what looks like {left}"
            help_ = (
                'leave the sample out with a label of "skip": REASON; or delete '
                f"{desk.folder / LABELS} and go again through `evalkit refresh scrub`, which keeps such rows out, "
                "`dedup` and `label`"
            )
            raise UsageError(f"{desk.folder / DEDUPED}: {told}\n  help: {help_}")


def _refuse_personal_labels(desk: Desk, rows: list[Row]) -> None:
    labels = {row["id"]: row["target"] for row in rows}
    if not any(personal_in(labels, ())):
        return  # the suite, whose own words are passed over, need not be read
    suite = loaded(Path(desk.document(PLAN)["suite"]))
    for name, left in personal_in(labels, [sample.target for sample in suite.samples]):
        told = f"the label of sample {name} holds what looks like {left}"
        help_ = f'label it again with a placeholder in its stead, [{left}_1] say, or leave it out with "skip": REASON'
        raise UsageError(f"{desk.folder / LABELS}: {told}\n  help: {help_}")


def _approved(row: Row, labels: Resolved) -> Row:
    told = {key: row[key] for key in ("id", "stratum", "pi", "fields", "time")}
    return told | {"target": labels.labels[row["id"]], "labelled_by": list(labels.people[row["id"]])}


def _whole(label: Label, item: Row, where: str) -> Label:
    """The label in the suite's own spelling. Raises UsageError where a part is missing or is none of the choices."""
    try:
        said = fitted(label.label, item.get("parts", {}))
    except MisfitError as wrong:
        raise UsageError(f"{where}: sample {label.id}: {wrong}") from None
    parts: dict[str, JsonValue] = said if isinstance(said, dict) else {"": said}
    for name, known in item["choices"].items():
        if name not in parts:
            continue  # only some samples of the suite have it
        if parts[name] not in known and json.dumps(parts[name]) not in known:
            shown = f"{str(parts[name])[:60]!r} is none of the suite's labels"
            raise UsageError(f"{where}: sample {label.id}: {shown}: {', '.join(known[:10])}")
    return structs.replace(label, label=said)
