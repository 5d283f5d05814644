"""What was found out about judges, kept beside them and bound to their hash."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct, structs

from evalkit.errors import ExecutionError
from evalkit.judging.calibration_file import Kept, kept_of
from evalkit.judging.schema import JudgeModel
from evalkit.judging.spec import CalibrationSpec, JudgeSpec
from evalkit.store.files import write_atomic
from evalkit.store.home import home
from evalkit.types import ModelSpec

PROBE_SCHEMA = "evalkit.probe/1"
Kind = Literal["calibration", "probe"]
State = Literal["calibrated", "uncalibrated", "unprobed", "out_of_date", "not_gateable"]


class Known(Struct, frozen=True, kw_only=True):
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

    @property
    def is_measured(self) -> bool:
        """Whether people's labels still correct it, probed or not."""
        return self.state in {"calibrated", "unprobed"}

    @property
    def of_no_suite(self) -> str:
        """What to tell a reader where the judge was measured on nothing but evalkit's own labels; empty elsewhere."""
        if self.kept is None or not self.kept.is_bundled or not self.is_measured:
            return ""
        return (
            "was measured only on the labelled answers that come with evalkit, one person's and of no suite of yours: "
            "how it errs on these answers labels of your own would tell (evalkit judge calibrate JUDGE --labels FILE "
            "--run RUN)"
        )

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
    measured, unprobed = beside_people(spec, now), _unprobed(spec, now)
    if not unprobed:
        return measured
    if measured.state == "calibrated":
        return structs.replace(measured, state="unprobed", told=f"{measured.told}, but {unprobed}")
    # Both gaps at once, so that nobody mends the one to be sent away with the other.
    return structs.replace(measured, told=f"{measured.told}; also, {unprobed}")


def beside_people(spec: JudgeSpec, now: dt.datetime) -> Known:
    """What people's labels say of it, whatever probes do. Raises ExecutionError for a damaged file."""
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
    return Known(state="calibrated", told=f"measured against people on {kept.at[:10]}{_by_whom(kept)}", kept=kept)


def _by_whom(kept: Kept) -> str:
    """How many people labelled how much, and how far they and the judge agree, where it is on record.

    >>> _by_whom(Kept(judge_hash="", at="", problems=(), confusion={}, own={}, n_items=1200, n_raters=1))
    ' (1,200 answers, 1 rater)'
    """
    if not kept.n_items:
        return ""
    raters = "1 rater" if kept.n_raters == 1 else f"{kept.n_raters} raters"
    whose = ", labels that come with evalkit" if kept.is_bundled else ""
    return f" ({'; '.join([f'{kept.n_items:,} answers, {raters}{whose}', *kept.figures])})"


def _unprobed(spec: JudgeSpec, now: dt.datetime) -> str:
    """Why nothing is known of how it takes forged grades, in words; empty: it was probed, and held."""
    document, how = _probe(spec), f"evalkit judge probe {_named(spec)}"
    if document is None:
        return f"nobody has tried whether an answer can talk it into a grade ({how})"
    days, most = _days(str(document["at"]), now), _most_days(spec)
    return f"it was probed {days:.0f} days ago, and {most:g} are allowed ({how})" if days > most else ""


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
        return f"{spec.id} --set 'model={{{_entry(spec.model)}}}'"  # it names no model; whose it is says the suite
    here = Path.cwd().resolve()
    return str(spec.path.relative_to(here)) if spec.path.is_relative_to(here) else spec.path.name


def _entry(model: ModelSpec) -> str:
    """A judge's model as it stands in a file, as far as it is not left to the defaults."""
    made, usual = model.generation, JudgeModel(backend=model.backend)
    found: dict[str, object] = {"backend": model.backend, "model": model.model, "base_url": model.base_url}
    found |= {
        name: value
        for name, value, other in (
            ("temperature", made.temperature, usual.temperature),
            ("max_tokens", made.max_tokens, usual.max_tokens),
            ("seed", made.seed, usual.seed),
        )
        if value != other
    }
    return ", ".join(f"{name}: {value}" for name, value in found.items() if value is not None)
