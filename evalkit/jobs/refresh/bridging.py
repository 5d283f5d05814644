"""`evalkit refresh bridge`: which runs join the old version of a suite to the new one, and what they say once run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from evalkit import numbers
from evalkit.errors import UsageError
from evalkit.jobs.history import recorded_history
from evalkit.jobs.refresh.desk import BRIDGE, PLAN, RELEASE, Desk, Row, named
from evalkit.jobs.refresh.versions import LINKING
from evalkit.report.history_bridges import offset_interval
from evalkit.report.read import Document, number, obj, pair, text
from evalkit.report.samples import ROWS, SampleFile
from evalkit.report.strings import SIDES
from evalkit.rot.bridge import Anchors, anchors_of, error_of
from evalkit.store.files import write_atomic
from evalkit.suites.load import suite_file

SCHEMA = "evalkit.refresh/1"


class _End(Struct, frozen=True, kw_only=True):
    """One model in one run."""

    run: Document
    side: str

    @property
    def points(self) -> float:
        return number(self.run, f"{self.side}_points") or 0.0

    @property
    def ci95(self) -> tuple[float, float] | None:
        return pair(self.run, f"{self.side}_ci95_points")

    def scores(self, among: frozenset[str]) -> dict[str, float]:
        """Its scores on these samples; a sample without one is left out."""
        found: dict[str, float] = {}
        for row in SampleFile(Path(text(self.run, "folder")) / ROWS):
            score = number(obj(obj(row, "scores"), text(self.run, "metric")), self.side)
            if score is not None and text(row, "id") in among:
                found[text(row, "id")] = score
        return found

    def document(self) -> Row:
        return {"run": text(self.run, "run"), "side": self.side, "points": self.points,
                "ci95_points": self.ci95 and list(self.ci95)}  # fmt: skip


def bridge(desk: Desk, reports: Path) -> Row:
    """The bridge over this refresh as a document; its text is written to bridge.md.

    `missing`: the commands that make the runs it still takes. `models`: every model that finished a whole run on both
    versions, with the step the data make and what the anchors say of it. Raises UsageError where nothing was
    released.
    """
    asked, found = desk.document(PLAN), desk.document(RELEASE)
    anchors = _anchors(Path(found["suite"]).with_name(LINKING))
    old, new = (_ends(asked["suite_name"], reports, sha) for sha in (asked["data_sha256"], found["data_sha256"]))
    models = [_told(old[key], new[key], anchors) for key in new if key in old]
    missing = [] if models else _missing([(old, Path(asked["suite"])), (new, Path(found["suite"]))])
    written = _written(asked, found, models, missing, has_both=bool(old and new), where=named(desk))
    write_atomic(desk.folder / BRIDGE, written.encode("utf-8", "backslashreplace"))
    return {"schema": SCHEMA, "folder": str(desk.folder), "text": written, "missing": missing, "models": models}


def _missing(sides: Sequence[tuple[Mapping[Any, _End], Path]]) -> list[str]:
    """The commands that would make the runs: of the versions without one, or of both where no model joins them."""
    return [f"evalkit run {suite_file(path)}" for ends, path in sides if not ends] or [
        f"evalkit run {suite_file(path)}" for _, path in sides
    ]


def _anchors(linking: Path) -> frozenset[str]:
    try:
        return frozenset(json.loads(linking.read_bytes())["anchors"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{linking} is missing or damaged, so nobody knows which samples both versions hold"
        ) from error


def _ends(suite: str, reports: Path, sha256: str) -> dict[tuple[str, str], _End]:
    """(model, metric) → its newest whole run on that version of the data; candidates first."""
    try:
        runs: Sequence[Document] = recorded_history(suite, reports)["runs"]
    except UsageError:  # not one run has finished yet
        return {}
    whole = [r for r in reversed(runs) if r["data"]["sha256"] == sha256 and not r["is_limited"] and r["folder"]]
    found: dict[tuple[str, str], _End] = {}
    for side in reversed(SIDES):
        for run in whole:
            model = text(obj(obj(run, "models"), side), "fingerprint")
            if model and number(run, f"{side}_points") is not None:
                found.setdefault((model, text(run, "metric_fingerprint")), _End(run=run, side=side))
    return found


def _told(old: _End, new: _End, shared: frozenset[str]) -> Row:
    step = new.points - old.points
    bounds = offset_interval((old.points, old.ci95), (new.points, new.ci95))
    held = anchors_of(old.scores(shared), new.scores(shared))
    error = None if bounds is None else error_of(bounds)
    return {
        "served_model": obj(obj(new.run, "models"), new.side).get("served_model"),
        "is_proven": bool(obj(obj(new.run, "models"), new.side).get("is_proven")),
        "metric": text(new.run, "metric"),
        "old": old.document(),
        "new": new.document(),
        "offset_points": round(step, 9),
        "offset_se_points": None if error is None else round(error, 9),
        "offset_ci95_points": None if bounds is None else [round(end, 9) for end in bounds],
        "anchors": _anchor_document(held),
        "sentences": [*_sentences(old, new, bounds, held)],
    }


def _anchor_document(held: Anchors | None) -> Row | None:
    if held is None:
        return None
    return {"n": held.n, "moved_points": round(held.moved_points, 9), "se_points": round(held.se_points, 9),
            "agree": held.agree}  # fmt: skip


def _sentences(old: _End, new: _End, bounds: tuple[float, float] | None, held: Anchors | None) -> Iterator[str]:
    about = (
        "" if bounds is None else f", standard error {error_of(bounds):.1f}, 95 % interval {numbers.interval(bounds)}"
    )
    yield (
        f"{numbers.points(old.points)} on the old samples and {numbers.points(new.points)} on the new: the step is "
        f"{numbers.signed(new.points - old.points)} points{about}."
    )
    if held is None:
        yield "Too few samples were scored in both runs to tell whether the model itself stayed the same."
        return
    moved = f"{numbers.signed(held.moved_points)} points (standard error {held.se_points:.1f})"
    where = f"On the {held.n:,} samples of both versions it moved by {moved}"
    if not held.agree:
        yield (
            f"{where}, more than two standard errors: the model behind the name or a judge has changed, so the step is "
            "NOT the data's alone. Run it again on both."
        )
    elif held.are_too_few:
        yield f"{where}: these are too few to tell whether it changed, so whether the step is the data's is open."
    else:
        yield f"{where}: nothing shows that it changed, so the step is taken for the data's."


def _written(
    asked: Row, found: Row, models: Sequence[Row], missing: Sequence[str], *, has_both: bool, where: str
) -> str:
    lines = [
        f"# From {found['before']} to {found['version']}",
        "",
        "Differences across versions are not comparable: the samples are others, so no verdict is made of both.",
        "One model asked on both shows what the new samples alone change.",
        "",
    ]
    if not models:
        if has_both:
            lines += [
                "Runs of both versions are there, but no model answered both: weights or name, prompt, settings and",
                "engine have to be the same, and recorded answers (`backend: outputs`) are known by their file.",
                "",
            ]
        lines += [
            "Run candidate and baseline on both, the same models with the same settings, and ask again:",
            "",
        ]
        lines += ["```sh", *missing, f"evalkit refresh bridge{where}", "```", ""]
    for one in models:
        proven = "" if one["is_proven"] else ", the same by name; its weights are not known"
        lines += [f"## {one['new']['side']} ({one['served_model'] or 'no name'}{proven}), {one['metric']}", ""]
        lines += [*one["sentences"], "", f"Runs: {one['old']['run']}, {one['new']['run']}.", ""]
    lines += [f"{found['anchors']} samples of {asked['suite_name']} stand in both versions.", ""]
    return "\n".join(lines)
