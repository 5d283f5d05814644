"""`evalkit rot`: whether the suite is still about what production sees, and can still tell two models apart."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct, structs, to_builtins

from evalkit.errors import InvalidEvidence, UsageError
from evalkit.jobs.rot.copies import copies, training_rows
from evalkit.jobs.rot.logs import Tallied, exchanges
from evalkit.jobs.rot.rechecked import rechecked, write_queue
from evalkit.jobs.rot.systems import Past, past_of
from evalkit.plugins import backend_names, check_types, metric_types
from evalkit.report.lights import SCHEMA
from evalkit.report.rot import rot_markdown
from evalkit.rot.content import content_signal, far_signal, likeness
from evalkit.rot.lens import Lens, lens_of
from evalkit.rot.mixes import category_coverage, length_signal, mix_signal
from evalkit.rot.moment import DAY_S, seconds
from evalkit.rot.seen import (
    Rechecked,
    age_signal,
    dead_signal,
    headroom_signal,
    label_signal,
    moved_signal,
    reuse_signal,
    telling_signal,
)
from evalkit.rot.signal import Signal, unmeasured
from evalkit.rot.traffic import CATEGORIES, KEPT_TEXTS, Traffic
from evalkit.store.files import write_atomic
from evalkit.store.ledger import ledger_path, uses_in
from evalkit.suites.files import training_files
from evalkit.suites.load import Known, load_suite, tree_of
from evalkit.suites.paths import Refused
from evalkit.types import Suite

LEAST_ROWS = 100
TRAINING_SHARE = 0.5
"""Of the logs' texts; from here on they are the training data and no traffic."""
OWN_SHARE = 0.95
"""Of the texts of logs no longer than the suite; from here on they are the suite's own samples."""
LINKING = "linking.json"


class RotOptions(Struct, frozen=True, kw_only=True):
    """What a caller asks for."""

    suite_path: Path
    logs: Sequence[Path] = ()
    """None: those that `checks.freshness.production` names."""
    reports: Path = Path("reports")
    """Where past runs lie."""
    out: Path | None = None
    """Where rot.json and rot.md go; None: to the suite's reports."""
    rechecked: Path | None = None
    """What people said of labels they looked at again; None: the rechecked.jsonl beside rot.json, if it is there."""


def declared_logs(suite: Suite) -> tuple[Path, ...]:
    """The logs of `checks.freshness.production`. Raises UsageError where the suite names none, or none is there."""
    named = suite.hygiene.production
    if named is None:
        raise UsageError("no logs were named\n  help: evalkit rot SUITE --production logs.jsonl")
    found = training_files(named, tree_of(suite.path))
    if isinstance(found, Refused):
        fix = f"\n  help: {found.help}" if found.help else ""
        raise UsageError(f"{suite.path}: checks.freshness.production: {found.why}{fix}")
    return found


def rot(options: RotOptions) -> tuple[dict[str, Any], Path]:
    """(`evalkit.rot/1`, the folder of rot.json and rot.md); docs/refresh.md describes it.

    Raises InvalidEvidence where the logs hold fewer than 100 readable rows, or are the training data or the suite's
    own samples, UsageError where the suite or a log cannot be read at all.
    """
    suite = loaded(options.suite_path)
    lens, tallied = lens_of(suite), Tallied()
    seed = int(suite.dataset_sha256[:12], 16)
    logs = options.logs or declared_logs(suite)
    traffic = _traffic(lens, logs, tallied, seed)
    if traffic.n < LEAST_ROWS:
        raise InvalidEvidence(_too_few(traffic.n, tallied, lens), code="LOGS_TOO_FEW")
    _refuse_own_samples(suite, lens, traffic)
    _refuse_training_data(suite, traffic)
    folder = options.out or options.reports / suite.name
    seen = _seen(suite, past_of(suite, options.reports), rechecked(suite, options.rechecked, folder))
    signals = (*_age(suite), *_drifts(suite, lens, traffic, seed), *seen)
    document = {
        "schema": SCHEMA,
        "suite": suite.name,
        "suite_file": str(options.suite_path),
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "data_sha256": suite.dataset_sha256,
        "samples": len(suite.samples),
        "logs": {"files": [str(path) for path in logs], "compared": traffic.n, **to_builtins(tallied)},
        "signals": [_document(signal) for signal in signals],
    }
    write_queue(suite, lens, _to_look_at(signals), folder)
    write_atomic(folder / "rot.md", rot_markdown(document).encode("utf-8", "backslashreplace"))
    # Last: whoever finds a rot.json finds the rest.
    write_atomic(folder / "rot.json", json.dumps(document, allow_nan=False, indent=1).encode("ascii") + b"\n")
    return document, folder


def loaded(path: Path) -> Suite:
    """The suite with whatever plug-ins it names. Raises UsageError with every mistake found."""
    known = Known(backends=backend_names(), metric_types=metric_types(), check_types=check_types())
    return load_suite(path, known=known)


def _traffic(lens: Lens, logs: Sequence[Path], tallied: Tallied, seed: int) -> Traffic:
    traffic = Traffic(seed=seed)
    for _, exchange in exchanges(logs, tallied):
        view = lens.of_exchange(exchange)
        if view is None:
            tallied.silent += 1
        else:
            traffic.add(view)
    return traffic


def _too_few(n: int, tallied: Tallied, lens: Lens) -> str:
    told = f"the logs hold {n:,} rows that ask something, and it takes {LEAST_ROWS} to say anything about drift"
    if tallied.unreadable:
        told += f"\n  {tallied.unreadable:,} lines are no rows, the first: {tallied.examples[0]}"
    if tallied.silent:
        wanted = f"the column {lens.messages!r}" if lens.messages else f"columns named {', '.join(lens.columns)}"
        told += (
            f"\n  {tallied.silent:,} rows ask nothing that can be read\n  help: a row has {wanted}, or is a request "
            "as the OpenAI or Anthropic API takes it, or an OpenTelemetry GenAI span"
        )
    return told


def _refuse_own_samples(suite: Suite, lens: Lens, traffic: Traffic) -> None:
    """Raises InvalidEvidence where the logs are the suite's samples or a part of them: no traffic, and no drift."""
    own = {lens.of_fields(sample.fields, sample.target).text for sample in suite.samples}
    if traffic.n <= len(suite.samples) and sum(text in own for text in traffic.texts) >= OWN_SHARE * len(traffic.texts):
        raise InvalidEvidence(
            "the logs hold nothing but samples of this suite, so they say nothing about production\n"
            "  help: name the logs of what users asked",
            code="LOGS_ARE_THE_SUITE",
        )


def _refuse_training_data(suite: Suite, traffic: Traffic) -> None:
    """Raises InvalidEvidence where most of the logs' texts are the training data's."""
    if not suite.training_data:
        return
    texts = {str(i): text for i, text in enumerate(traffic.texts)}
    share = len(copies(texts, training_rows(suite), suite.hygiene.thresholds)) / len(texts)
    if share >= TRAINING_SHARE:
        raise InvalidEvidence(
            f"{100 * share:.0f} % of the logs' texts stand in the training data: these logs are no "
            "production traffic\n  help: name the logs of what users asked; drift from the training data says nothing",
            code="LOGS_ARE_TRAINING_DATA",
        )


def _drifts(suite: Suite, lens: Lens, traffic: Traffic, seed: int) -> Iterator[Signal]:
    own = Traffic.of((lens.of_fields(s.fields, s.target) for s in suite.samples), seed=seed)
    yield from _labels(own, traffic, seed)
    yield length_signal(own.lengths, traffic.lengths, seed=seed)
    yield mix_signal("language drift", own.languages, traffic.languages, seed=seed)
    for column in lens.slices:
        name = f"source drift: {column}"
        if column in own.crowded | traffic.crowded:
            why = f"not measured: the column has more than {CATEGORIES:,} different values, which are no categories"
            yield unmeasured(name, why)
        elif column in traffic.slices:
            yield mix_signal(name, own.slices.get(column, {}), traffic.slices[column], seed=seed)
        else:
            yield unmeasured(name, f"not measured: the logs have no column {column!r}")
    mine, theirs = sorted(set(own.texts)), sorted(set(traffic.texts))[:KEPT_TEXTS]
    alike = likeness([*mine, *theirs])
    yield content_signal(alike, len(mine), seed=seed)
    yield far_signal(alike, len(mine), seed=seed)


def _labels(own: Traffic, traffic: Traffic, seed: int) -> Iterator[Signal]:
    names = [name for name in own.labels if name in traffic.labels]
    if not names:
        why = "the suite's targets are no labels" if not own.labels else "the logs hold no answer that is a label"
        yield unmeasured("label mix drift", f"not measured: {why}")
    empty: Mapping[str, int] = Counter()
    for name in own.labels:
        if names and name not in traffic.labels:
            yield unmeasured(f"label mix drift: {name}", "not measured: the logs hold no answer with this part")
    for name in names:
        shown = f"label mix drift: {name}" if name else "label mix drift"
        yield mix_signal(shown, own.labels[name], traffic.labels[name], seed=seed)
        covered = category_coverage(own.labels.get(name, empty), traffic.labels[name])
        yield covered if not name else _renamed(covered, f"{covered.name}: {name}")


def _renamed(signal: Signal, name: str) -> Signal:
    return structs.replace(signal, name=name)


def _age(suite: Suite) -> Iterator[Signal]:
    now = time.time()
    # A time ahead of the clock says nothing of age, and would hide it.
    times = [at for sample in suite.samples if (at := seconds(sample.time)) is not None and at <= now + DAY_S]
    approved = _approved(suite.path.parent / LINKING)
    yield age_signal(
        (now - max(times)) / DAY_S if times else None, None if approved is None else (now - approved) / DAY_S
    )


def _approved(path: Path) -> float | None:
    """When this version was last approved, as its release has written it down."""
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return seconds(document.get("approved")) if isinstance(document, dict) else None


def _to_look_at(signals: Sequence[Signal]) -> list[str]:
    found: Any = [signal.detail.get("look_again", []) for signal in signals]
    return [name for names in found for name in names]


def _seen(suite: Suite, past: Past, looked_at: Rechecked) -> Iterator[Signal]:
    yield headroom_signal(past.champion_points, suite.gate.primary.min_delta)
    yield dead_signal(past.systems)
    yield telling_signal(past.systems)
    yield label_signal(past.systems, looked_at)
    uses, _ = uses_in(ledger_path())
    # A candidate that was judged twice has learned as much as from one verdict.
    judged = {use.candidate for use in uses if use.suite == suite.name and use.samples == suite.dataset_sha256}
    yield reuse_signal(len(judged))
    yield moved_signal(past.snapshots, past.judges)


def _document(signal: Signal) -> dict[str, Any]:
    found = to_builtins(signal)
    return {key: round(value, 6) if isinstance(value, float) else value for key, value in found.items()}
