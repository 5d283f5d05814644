"""What was found out about judges, kept beside them and bound to their hash; what a run may believe of a judge."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from evalkit.compare.judged import UNCALIBRATED, UNPROBED, Instrument
from evalkit.errors import ExecutionError
from evalkit.judging.calibration_file import Kept, kept_of
from evalkit.judging.families import family_warnings
from evalkit.judging.items import item_id
from evalkit.judging.looks import looks_of
from evalkit.judging.metric import JudgeMetric
from evalkit.judging.spec import CalibrationSpec, JudgeSpec
from evalkit.run.scoring import OutcomesOf
from evalkit.store.files import write_atomic
from evalkit.store.home import home
from evalkit.types import CANDIDATE, Outcome, Response, Sample, Suite

PROBE_SCHEMA = "evalkit.probe/1"
BLOCK = 100
"""Samples whose answers are in memory at a time."""
Kind = Literal["calibration", "probe"]
State = Literal["calibrated", "uncalibrated", "unprobed", "out_of_date", "not_gateable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What a run knows of a judge."""

    state: State
    told: str
    """In words, for the report."""
    kept: Kept | None = None
    is_forgeable: bool = False
    """Probes showed that whoever writes answers can write their grades: no suite may trust such a judge."""

    @property
    def distrust(self) -> str:
        """Why no verdict may rest on the judge; empty: one may."""
        return "" if self.state == "calibrated" else self.told

    def document(self) -> dict[str, str | None]:
        """The `calibration` of a judge in verdict.json."""
        return {"state": self.state, "note": self.told, "at": None if self.kept is None else self.kept.at}


def record_path(spec: JudgeSpec, kind: Kind) -> Path:
    """Where a finding about this judge is written: beside its file, for a bundled judge in evalkit's home."""
    folder = home() / "judges" if spec.is_bundled else spec.path.parent / "calibration"
    return folder / f"{spec.id}.{kind}.json"


def write_record(spec: JudgeSpec, kind: Kind, document: Mapping[str, Any]) -> Path:
    """Writes it whole and returns where to."""
    path = record_path(spec, kind)
    write_atomic(path, json.dumps(document, indent=1, allow_nan=False).encode("ascii") + b"\n")
    return path


def known_of(spec: JudgeSpec, now: dt.datetime) -> Known:
    """What is known of this very judge, its models included. Raises ExecutionError for a damaged file."""
    failed = _failed_probe(spec)
    if failed:
        return Known(state="not_gateable", told=failed, is_forgeable=True)
    measured, unprobed = _measured(spec, now), _unprobed(spec, now)
    if not unprobed:
        return measured
    if measured.state == "calibrated":
        return dataclasses.replace(measured, state="unprobed", told=f"{measured.told}, but {unprobed}")
    # Both gaps at once, so that nobody mends the one to be sent away with the other.
    return dataclasses.replace(measured, told=f"{measured.told}; also, {unprobed}")


def _measured(spec: JudgeSpec, now: dt.datetime) -> Known:
    """What people's labels say of it."""
    documents = list(_documents(spec, "calibration"))
    kept = next((found for _, found in documents if found.judge_hash == spec.judge_hash), None)
    if kept is None and documents:
        path, found = documents[0]
        told = f"{path} measured another version of it ({found.judge_hash[:12]}, this is {spec.judge_hash[:12]})"
        return Known(state="out_of_date", told=f"{told}; measure this one: evalkit judge calibrate {_named(spec)}")
    if kept is None:
        how = f"evalkit judge calibrate {_named(spec)} --labels FILE"
        return Known(state="uncalibrated", told=f"nobody has measured this judge against people ({how})")
    if kept.problems:
        more = f" (and {len(kept.problems) - 1} more)" if len(kept.problems) > 1 else ""
        return Known(state="not_gateable", told=f"measured against people, {kept.problems[0]}{more}", kept=kept)
    days, most = _days(kept.at, now), _most_days(spec)
    if days > most:
        told = f"it was measured against people {days:.0f} days ago, and {most:g} are allowed; measure it again"
        return Known(state="out_of_date", told=told, kept=kept)
    return Known(state="calibrated", told=f"measured against people on {kept.at[:10]}", kept=kept)


def _unprobed(spec: JudgeSpec, now: dt.datetime) -> str:
    """Why nothing is known of how it takes forged grades, in words; empty: it was probed, and held."""
    document, how = _probe(spec), f"evalkit judge probe {_named(spec)}"
    if document is None:
        return f"nobody has tried whether an answer can talk it into a grade ({how})"
    days, most = _days(str(document["at"]), now), _most_days(spec)
    return f"it was probed {days:.0f} days ago, and {most:g} are allowed ({how})" if days > most else ""


def instrument_of(
    metric: JudgeMetric, known: Known, suite: Suite, outcomes: OutcomesOf, *, baseline: str
) -> Instrument:
    """What the gate needs to know of the judge of one metric, beside this baseline and the candidate."""
    own: dict[str, tuple[float, float, float]] = {}
    looks: dict[str, tuple[float, ...]] = {}
    alike: set[str] = set()
    is_pair = metric.spec.mode == "pairwise"
    for start in range(0, len(suite.samples), BLOCK):
        block = suite.samples[start : start + BLOCK]
        found = outcomes([sample.id for sample in block])
        for sample in block:
            texts = [_text(found.get((role, sample.id), ())) for role in (baseline, CANDIDATE)]
            if texts[0] is None or texts[1] is None:
                continue
            mine, theirs = looks_of(texts[0]), looks_of(texts[1])
            looks[sample.id] = tuple(after - before for before, after in zip(mine, theirs, strict=True))
            if is_pair and texts[0].split() == texts[1].split():
                alike.add(sample.id)
            said = _said(metric, known.kept, sample, texts[0], texts[1])
            if said is not None:
                own[sample.id] = said
    is_waived, is_measured = not suite.gate.require_judge_calibration, known.state in {"calibrated", "unprobed"}
    distrust = "" if is_waived and is_measured else known.distrust  # people's labels still correct it
    # Whoever trusts a judge unmeasured has not thereby said that it may grade its own kind.
    kin = "" if is_measured else next(family_warnings(metric.spec, metric.name, suite.models[CANDIDATE]), "")
    return Instrument(
        judge=metric.spec.id,
        distrust=f"{distrust}. {kin.removesuffix('.')}" if kin else distrust,
        code=UNPROBED if known.state == "unprobed" else UNCALIBRATED,
        confusion=known.kept.confusion if known.kept is not None else {},
        own=own,
        is_pair=is_pair,
        alike=frozenset(alike),
        looks=looks,
        is_trusted=is_waived and not kin and not known.is_forgeable,
    )


def _said(
    metric: JudgeMetric, kept: Kept | None, sample: Sample, before: str, after: str
) -> tuple[float, float, float] | None:
    """People's grades of these very answers, and how many samples they stand for."""
    if kept is None:
        return None
    of = kept.own.get(CANDIDATE, {})
    if metric.spec.mode == "pairwise":
        pair = of.get(item_id(sample.id, after, before))
        return None if pair is None else (1.0 - pair[0], pair[0], pair[1])
    found = of.get(item_id(sample.id, after)), kept.own.get("baseline", {}).get(item_id(sample.id, before))
    return None if found[0] is None or found[1] is None else (found[1][0], found[0][0], found[0][1])


def _text(outcomes: Sequence[Outcome]) -> str | None:
    return outcomes[0].text if outcomes and isinstance(outcomes[0], Response) else None


def _failed_probe(spec: JudgeSpec) -> str:
    document = _probe(spec)
    return "" if document is None else str(document.get("distrust") or "")


def _probe(spec: JudgeSpec) -> dict[str, Any] | None:
    """What probing this very judge found; None where nobody has."""
    document = _json(record_path(spec, "probe"))
    if document is None or document.get("judge_hash") != spec.judge_hash or document.get("schema") != PROBE_SCHEMA:
        return None
    try:
        _when(str(document.get("at")))
    except ValueError as error:
        raise _damaged(record_path(spec, "probe"), error) from error
    return document


def _documents(spec: JudgeSpec, kind: Kind) -> list[tuple[Path, Kept]]:
    """The calibrations of judges of this id: the one written here, and the one that came with it."""
    found = []
    for path in dict.fromkeys((record_path(spec, kind), spec.path.parent / "calibration" / f"{spec.id}.{kind}.json")):
        document = _json(path)
        if document is not None:
            try:
                kept = kept_of(document)
                _when(kept.at)
            except ValueError as error:
                raise _damaged(path, error) from error
            found.append((path, kept))
    return found


def _json(path: Path) -> dict[str, Any] | None:
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise _damaged(path, error) from error
    if not isinstance(document, dict):
        raise _damaged(path, ValueError("no JSON object"))
    return document


def _damaged(path: Path, error: Exception) -> ExecutionError:
    return ExecutionError(f"{path} cannot be read: {error}\n  help: remove it, and probe or calibrate the judge again")


def _days(at: str, now: dt.datetime) -> float:
    return (now - _when(at)).total_seconds() / 86_400


def _most_days(spec: JudgeSpec) -> float:
    return (spec.calibration or CalibrationSpec()).max_age_days


def _when(at: str) -> dt.datetime:
    found = dt.datetime.fromisoformat(at)
    return found if found.tzinfo is not None else found.replace(tzinfo=dt.UTC)


def _named(spec: JudgeSpec) -> str:
    """The judge as a command takes it, from where evalkit was started."""
    if spec.is_bundled:
        return spec.id
    here = Path.cwd().resolve()
    return str(spec.path.relative_to(here)) if spec.path.is_relative_to(here) else spec.path.name
