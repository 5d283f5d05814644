"""A new version of the suite: a folder of its own that is there whole or not at all and never changes again."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from evalkit.errors import ExecutionError, UsageError
from evalkit.jobs.refresh.desk import APPROVED, PLAN, RELEASE, RETIRED, Desk, Row
from evalkit.jobs.refresh.moved_suite import moved, refuse_changed
from evalkit.jobs.refresh.people import BASIS, approved, personal_in
from evalkit.jobs.refresh.versions import CHANGELOG, DATA, LINKING, VERSIONS, family_of, following, released, version_of
from evalkit.jobs.refresh.versions import RETIRED as RETIRED_SAMPLES
from evalkit.jobs.rot.look import loaded
from evalkit.rot.lens import lens_of
from evalkit.rot.parts import MisfitError, fitted, parts_of, spelled
from evalkit.rot.version import REASONS, Bump, Change, why_not
from evalkit.store.files import sync_folder, write_atomic
from evalkit.suites.load import SUITE_NAME, read_source, suite_file
from evalkit.suites.paths import tree_root
from evalkit.types import JsonValue, Suite

TREE_MARK = "evalkit.toml"
LINKING_SCHEMA = "evalkit.linking/1"


class _Contents(Struct, frozen=True, kw_only=True):
    """The rows of a version."""

    rows: Sequence[Mapping[str, JsonValue]]
    added: Sequence[Row]
    retired: Sequence[Row]
    relabelled: Sequence[Row]
    anchors: Sequence[str]


def retire(desk: Desk, ids: Sequence[str], reason: str, label: str | None) -> list[Row]:
    """Notes samples to leave out of the next version, or to carry another `label`, as it was typed (for `label_error`).

    Raises UsageError for an unknown reason or sample, and for a label that is no target of this suite or holds personal
    data. Whether enough samples stay is looked at by `release`.
    """
    if reason not in REASONS:
        raise UsageError(f"--reason takes {', '.join(REASONS)}; not {reason!r}")
    if label is not None and reason != "label_error":
        raise UsageError("--label mends a sample whose --reason is label_error")
    suite = loaded(Path(desk.document(PLAN)["suite"]))
    known = {sample.id for sample in suite.samples}
    unknown = [one for one in ids if one not in known]
    if unknown or not ids:
        raise UsageError(f"{suite.name} has no sample {', '.join(map(repr, unknown[:5])) or 'without an id: --ids ID'}")
    target = None if label is None else _target(label, suite, ids)
    rows = {row["id"]: row for row in (desk.rows(RETIRED) if desk.has(RETIRED) else [])}
    rows |= {one: {"id": one, "reason": reason, "label": target} for one in ids}
    desk.write_rows(RETIRED, [rows[one] for one in sorted(rows)])
    return [rows[one] for one in sorted(rows)]


def _target(label: str, suite: Suite, ids: Sequence[str]) -> JsonValue:
    """A label as the suite's own targets are. Raises UsageError for one that is none."""
    targets = [sample.target for sample in suite.samples]
    parts = parts_of(targets)
    said = spelled(label)
    if parts == {"": ("a text",)} and not isinstance(said, str):
        said = label  # 1.10 stays 1.10, and an answer in JSON is spelled as it was
    if said is None:  # where a note has no label, its sample is left out
        raise UsageError("--label: null is no label\n  help: leave --label out to retire the sample")
    try:
        target = fitted(said, parts)
    except MisfitError as wrong:
        raise UsageError(f"--label: {wrong}") from None
    fields = [dict(sample.fields) for sample in suite.samples if sample.id in ids]
    for _, left in personal_in({label: target}, [*targets, *fields]):
        help_ = f"write a placeholder in its stead, [{left}_1] say"
        raise UsageError(f"--label holds what looks like {left}\n  help: {help_}")
    return target


def release(desk: Desk, bump: Bump) -> Row:
    """The new version, in `versions/<version>/` beside the suite; done once, whatever happened in between.

    Raises UsageError where the approval is missing or no longer fits, or the change is too large for the bump.
    """
    if desk.has(RELEASE):
        return desk.document(RELEASE)
    asked = desk.document(PLAN)
    suite_path = Path(asked["suite"])
    done = _found(suite_path, desk)
    if done is not None:  # ended between the folder and this file
        return _written(desk, suite_path, done)
    rows, approval = approved(desk)
    suite = loaded(suite_path)
    if suite.dataset_sha256 != asked["data_sha256"]:
        raise UsageError(f"{suite.dataset_path.name} changed since this refresh was planned\n  help: plan a new one")
    versions = released(suite_path)
    if version_of(suite_path) != versions[-1]:
        raise UsageError(f"version {versions[-1]} was released since\n  help: plan a refresh of that one")
    contents = _contents(suite, rows, desk.rows(RETIRED) if desk.has(RETIRED) else [])
    if not (contents.added or contents.retired or contents.relabelled):
        raise UsageError("nothing would change: no sample is approved, none retired")
    if (why := why_not(_change(suite, contents), bump)) is not None:
        raise UsageError(why)
    version = following(suite_path, bump)
    _make(suite, contents, {
        "schema": LINKING_SCHEMA,
        "version": version,
        "before": {"version": versions[-1], "data_sha256": suite.dataset_sha256},
        "refresh": desk.digest(BASIS),
        "approved": approval["by"][-1]["at"],
        "approved_by": [one["name"] for one in approval["by"]],
        "agreement": {key: approval[key] for key in ("ac1", "kappa", "double_labelled", "accepted")},
        "anchors": list(contents.anchors),
        "added": [row["id"] for row in contents.added],
        "retired": {row["id"]: row["reason"] for row in contents.retired},
        "relabelled": [row["id"] for row in contents.relabelled],
    })  # fmt: skip
    return _written(desk, suite_path, version)


def least_bump(desk: Desk) -> Bump:
    """The smallest step of version that what is approved here fits into."""
    suite = loaded(Path(desk.document(PLAN)["suite"]))
    change = _change(suite, _contents(suite, desk.rows(APPROVED), desk.rows(RETIRED) if desk.has(RETIRED) else []))
    steps: Sequence[Bump] = ("patch", "minor")
    return next((bump for bump in steps if why_not(change, bump) is None), "major")


def _change(suite: Suite, contents: _Contents) -> Change:
    said = [*(row["target"] for row in contents.added), *(row["label"] for row in contents.relabelled)]
    return Change(
        n_before=len(suite.samples),
        n_added=len(contents.added),
        n_retired=len(contents.retired),
        new_labels=_new_labels(suite, said),
    )


def _contents(suite: Suite, rows: Sequence[Row], notes: Sequence[Row]) -> _Contents:
    dataset: Any = suite.declared["dataset"]
    noted = {row["id"]: row for row in notes}
    kept: list[Mapping[str, JsonValue]] = []
    anchors, retired, relabelled = [], [], []
    for sample in suite.samples:
        note = noted.get(sample.id)
        if note is None:
            kept.append(dict(sample.fields))
            anchors.append(sample.id)
        elif note["label"] is None:
            # What is retired for holding personal data is not written down once more; the old version still has it.
            retired.append(note | {"row": None if note["reason"] == "pii" else dict(sample.fields)})
        else:
            relabelled.append(note)
            kept.append(_labelled(dict(sample.fields), dataset, note["label"]))
    new = [_row(row, dataset) for row in rows]
    return _Contents(rows=[*kept, *new], added=rows, retired=retired, relabelled=relabelled, anchors=anchors)


def _row(row: Row, dataset: Mapping[str, Any]) -> dict[str, JsonValue]:
    """An approved sample as a row with the suite's columns; stratum and pi say what it may be used for."""
    fields = dict(row["fields"]) | {"stratum": row["stratum"], "pi": row["pi"]}
    if dataset.get("id"):
        _put(fields, str(dataset["id"]), row["id"])
    if dataset.get("time"):
        _put(fields, str(dataset["time"]), row["time"])
    return _labelled(fields, dataset, row["target"])


def _labelled(fields: dict[str, JsonValue], dataset: Mapping[str, Any], label: JsonValue) -> dict[str, JsonValue]:
    if dataset.get("target"):
        _put(fields, str(dataset["target"]), label)
        return fields
    turns: Any = fields.get(str(dataset.get("messages")))
    if not isinstance(turns, list):
        raise UsageError("the suite names no target (dataset.target), so a label has no place in its rows")
    own = [
        turn for turn in turns if not (isinstance(turn, dict) and turn is turns[-1] and turn.get("role") == "assistant")
    ]
    said = label if isinstance(label, str) else json.dumps(label)
    return fields | {str(dataset["messages"]): [*own, {"role": "assistant", "content": said}]}


def _put(fields: dict[str, Any], dotted: str, value: JsonValue) -> None:
    if dotted in fields or "." not in dotted:
        fields[dotted] = value
        return
    head, _, rest = dotted.partition(".")
    inner = fields.setdefault(head, {})
    if not isinstance(inner, dict):
        raise UsageError(f"the column {head!r} holds no object in which {rest!r} could be written")
    _put(inner, rest, value)


def _new_labels(suite: Suite, targets: Sequence[JsonValue]) -> frozenset[str]:
    known = lens_of(suite).labels
    found = set()
    for target in targets:
        parts = target if isinstance(target, dict) else {"": target}
        said = {name: parts[name] for name in known if name in parts}
        words = {name: value.strip() if isinstance(value, str) else json.dumps(value) for name, value in said.items()}
        found |= {word for name, word in words.items() if word not in known[name]}
    return frozenset(found)


def _make(suite: Suite, contents: _Contents, linking: Row) -> None:
    """Builds the folder beside its place, looks whether it holds the same suite, and moves it there in one step."""
    family = family_of(suite.path)
    place = family / VERSIONS / str(linking["version"])
    draft = place.with_name(f".{place.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)  # what a killed release left
    data = b"".join(json.dumps(row, allow_nan=False).encode("ascii") + b"\n" for row in contents.rows)
    sha256 = hashlib.sha256(data).hexdigest()
    source = read_source(suite.path)
    folder = suite_file(suite.path).parent
    gone = family / VERSIONS / str(linking["before"]["version"]) / RETIRED_SAMPLES
    before = gone.read_bytes() if gone.is_file() else b""
    retired = b"".join(json.dumps(row, allow_nan=False).encode("ascii") + b"\n" for row in contents.retired)
    files = {
        DATA: data,
        SUITE_NAME: moved(source, folder, place, {"path": DATA, "sha256": sha256}).encode(),
        RETIRED_SAMPLES: before + retired,
        CHANGELOG: _changelog(suite, contents, linking).encode(),
    }
    try:
        if tree_root((family / VERSIONS).resolve()) != suite.root:
            # A version reads prompts and schemas two folders up: the mark says that these are one tree.
            write_atomic(family / TREE_MARK, b"")
        for name, content in files.items():
            write_atomic(draft / name, content)
        refuse_changed(suite, draft / SUITE_NAME, sha256)
        digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        linked = linking | {"data_sha256": sha256, "files": digests, "reads": dict(suite.digests)}
        write_atomic(draft / LINKING, json.dumps(linked, indent=1).encode("ascii") + b"\n")
        for path in draft.iterdir():
            path.chmod(0o444)
        draft.rename(place)
        sync_folder(place.parent)
    except OSError as error:
        raise ExecutionError(f"{place} could not be made: {error.strerror or error}") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _changelog(suite: Suite, contents: _Contents, linking: Row) -> str:
    strata = Counter(row["stratum"] for row in contents.added)
    reasons = Counter(row["reason"] for row in contents.retired)
    before = linking["before"]["version"]
    counted = (
        f"From {before}: {len(contents.added)} samples added, {len(contents.retired)} retired, "
        f"{len(contents.relabelled)} labelled anew; {len(contents.rows)} in all, {len(contents.anchors)} as before."
    )
    lines = [
        f"# {suite.name} {linking['version']}",
        "",
        counted,
        "",
        *(f"- added: {n} {stratum}" for stratum, n in sorted(strata.items())),
        *(f"- retired: {n} because {REASONS[reason]}" for reason, n in sorted(reasons.items())),
        f"- approved by {', '.join(linking['approved_by'])} on {linking['approved'][:10]}",
        "",
        "Only samples drawn at random, or means weighted by 1/pi, speak for all traffic; the others are slices.",
        "",
    ]
    return "\n".join(lines)


def _found(suite_path: Path, desk: Desk) -> str | None:
    """The version that this very refresh has already made, told by all that was approved: plans may be the same."""
    for version in reversed(released(suite_path)):
        linking = _linking(suite_path, version)
        if linking.get("refresh") == desk.digest(BASIS):
            return version
    return None


def _linking(suite_path: Path, version: str) -> Row:
    path = family_of(suite_path) / VERSIONS / version / LINKING
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _written(desk: Desk, suite_path: Path, version: str) -> Row:
    linking = _linking(suite_path, version)
    document = {
        "version": version,
        "before": linking["before"]["version"],
        "suite": str(family_of(suite_path) / VERSIONS / version / SUITE_NAME),
        "data_sha256": linking["data_sha256"],
        "added": len(linking["added"]),
        "retired": len(linking["retired"]),
        "relabelled": len(linking["relabelled"]),
        "anchors": len(linking["anchors"]),
        "approved_by": linking["approved_by"],
    }
    desk.write_document(RELEASE, document)
    return document
