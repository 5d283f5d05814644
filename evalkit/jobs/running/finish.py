"""From outcomes to the files of a finished run: score, decide, render, write."""

from __future__ import annotations

import datetime as dt
import json
import platform
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct, structs

from evalkit import __version__
from evalkit.compare import noise
from evalkit.compare.gate import decide
from evalkit.compare.noise import NoiseFloor, noise_floor
from evalkit.compare.parts import compare_primary
from evalkit.compare.several import deciding, over_all
from evalkit.jobs.lights import with_lights
from evalkit.jobs.running.checks import Checked, checked
from evalkit.jobs.running.clean_subset import flagged, with_effect
from evalkit.jobs.running.guard_checks import guards_checked
from evalkit.jobs.running.kinds import with_failures
from evalkit.jobs.running.pairs import Answers, Audit, Pair, Story, pair_of
from evalkit.jobs.running.resume import suite_fingerprint
from evalkit.jobs.running.reuse import Judged, candidate_fingerprint, counted
from evalkit.metrics.classification import ClassRow, ClassTable, per_class
from evalkit.numbers import interval, signed
from evalkit.plugins import Kind, origin_of
from evalkit.protocols import Metric
from evalkit.report.document import RunFacts, verdict_document
from evalkit.report.html import html_pieces
from evalkit.report.junit import render_junit
from evalkit.report.markdown import render_markdown
from evalkit.report.samples import ROWS, SampleFile
from evalkit.run.scoring import Scoring
from evalkit.store.files import point_latest, write_atomic
from evalkit.store.revision import revision
from evalkit.suites.load import suite_file
from evalkit.suites.prompts import Renderer
from evalkit.types import AGAIN, CANDIDATE, Sample, Suite, Verdict

_ENCODER = json.JSONEncoder(ensure_ascii=True, allow_nan=False)


class Finished(Struct, frozen=True, kw_only=True):
    """What a run leaves."""

    folder: Path
    document: dict[str, Any]


def finish(main: Answers, guards: Mapping[str, Answers], story: Story, folder: Path, audit: Audit) -> Finished:
    """Scores and decides, then writes every file of the run into `folder`.

    `guards`: the guard suites' answers by the path their guard names.
    """
    question = asked(main.suite)
    looked_at = checked(main.suite, question, story.created)
    everything, main = main, structs.replace(main, suite=looked_at.suite)
    scoring, first = _scoring(main), main.suite.baselines[0]
    write_atomic(folder / ROWS, (_line(row) for row in scoring.rows(question)))
    beside = guards_checked(guards, asked, story.created)
    others = {path: (answers, _scoring(answers).finish()) for path, answers in beside.answers.items()}
    story = structs.replace(story, blocking=story.blocking + looked_at.blocking + beside.blocking)
    pairs = {name: pair_of(name, main, scoring, others, story, audit) for name in main.suite.baselines}
    verdicts = _decided(main.suite, pairs, story)
    name = deciding(verdicts)
    if name != first:
        again = _scoring(main).rows(question, against=name)
        write_atomic(folder / ROWS, (_line(row) for row in again))
    pair, verdict, seed = pairs[name], over_all(verdicts), suite_fingerprint(main.suite)
    floor, moved = _noise(main, scoring, seed)
    contamination, trained_on = _trained_on(everything, looked_at, name, seed)
    facts = RunFacts(
        suite=pair.suite,
        suite_file=story.suite_file,
        run=story.run,
        created=story.created,
        verdict=verdict,
        table=pair.table,
        costs=pair.costs,
        flips=pair.flips,
        identities=story.sides(name),
        probe=story.probes.get(name, {}),
        differences=story.differences.get(name, ()),
        per_class=_per_class(main, scoring, name),
        contamination=contamination,
        freshness=looked_at.freshness,
        checks=looked_at.checks,
        guard_checks=beside.documents,
        signatures=_signatures(main.metrics),
        judges=story.judges,
        next_command=story.next_command,
        provenance=_provenance(main.suite, story, seed),
        warnings=(
            *main.suite.warnings,
            *story.warnings,
            *dict.fromkeys(sentence for one in pairs.values() for sentence in one.warnings),
            *_left_out(everything, main, name, seed),
            *looked_at.warnings,
            *beside.warnings,
            *trained_on,
            *verdict.cautions,
            *moved,
        ),
        against=name,
        compared={n: one.compared(verdicts[n], story.sides(n)) for n, one in pairs.items()},
        noise_floor=floor,
    )
    return _written(main.suite, facts, story, folder)


def _decided(suite: Suite, pairs: Mapping[str, Pair], story: Story) -> dict[str, Verdict]:
    """The verdict against each baseline, with this one use of the samples counted and written down."""
    if story.is_limited:
        return {name: decide(pair.evidence) for name, pair in pairs.items()}
    candidate = story.candidate or candidate_fingerprint(suite.models[CANDIDATE], story.identities.get(CANDIDATE))
    with counted(Judged(suite=suite, candidate=candidate, run=story.run, created=story.created)) as uses:
        verdicts = {name: decide(structs.replace(pair.evidence, reuse=uses.reuse)) for name, pair in pairs.items()}
        uses.write(over_all(verdicts))
    return verdicts


def _signatures(metrics: Mapping[str, Metric]) -> dict[str, str]:
    found = {name: getattr(metric, "signature", None) for name, metric in metrics.items()}
    return {name: signature for name, signature in found.items() if isinstance(signature, str)}


def _noise(main: Answers, scoring: Scoring, seed: str) -> tuple[NoiseFloor | None, tuple[str, ...]]:
    """(the first baseline against itself, what to say about it); None where it was asked only once."""
    suite = main.suite
    if AGAIN not in suite.models:
        return None, ()
    table, metric = scoring.table(suite.baselines[0], AGAIN), main.metrics[suite.gate.primary.metric]
    floor = noise_floor(metric, table, suite.gate, seed=seed)
    return floor, tuple(noise.cautions(floor, suite.gate))


def finish_refused(suite: Suite, story: Story, folder: Path) -> Finished:
    """Writes the files of a run that was refused before anything was asked; `story.blocking` says why."""
    verdict, name = Verdict(status="invalid", reasons=story.blocking), suite.baselines[0]
    facts = RunFacts(
        suite=suite.against(name),
        suite_file=story.suite_file,
        run=story.run,
        created=story.created,
        verdict=verdict,
        table=None,
        identities=story.sides(name),
        probe=story.probes.get(name, {}),
        differences=story.differences.get(name, ()),
        against=name,
        provenance=_provenance(suite, story, suite_fingerprint(suite)),
        warnings=(*suite.warnings, *story.warnings),
    )
    write_atomic(folder / ROWS, b"")
    return _written(suite, facts, story, folder)


def _scoring(answers: Answers) -> Scoring:
    return Scoring(answers.suite, list(answers.metrics.values()), answers.outcomes)


def asked(suite: Suite) -> Callable[[Sample], str]:
    """What a reader takes for a sample's question: the last user turn as the candidate is sent it."""
    spec = suite.models[CANDIDATE]
    if spec.prompt.template is None and spec.prompt.messages_field is None:
        return lambda sample: json.dumps(dict(sample.fields), ensure_ascii=False)
    renderer = Renderer(spec)
    return lambda sample: next((m.content for m in reversed(renderer.messages(sample)) if m.role == "user"), "")


def _per_class(main: Answers, scoring: Scoring, baseline: str) -> list[dict[str, Any]]:
    tables = []
    for name, metric in main.metrics.items():
        labels = getattr(metric, "labels", None)
        if labels:
            base, cand = (per_class(scoring.read[name, role], labels) for role in (baseline, CANDIDATE))
            tables.append({"metric": name, "labels": list(labels)} | _side_by_side(base, cand))
    return tables


def _side_by_side(base: ClassTable, cand: ClassTable) -> dict[str, Any]:
    rows = [
        {"label": left.label, "n": left.support, "baseline": _rates(left), "candidate": _rates(right)}
        for left, right in zip(base.rows, cand.rows, strict=True)
    ]
    return {
        "rows": rows,
        "confusion": {"baseline": base.confusion, "candidate": cand.confusion},
        "unreadable": {"baseline": base.unreadable, "candidate": cand.unreadable},
    }


def _rates(row: ClassRow) -> dict[str, float | None]:
    shares = {"precision": row.precision, "recall": row.recall, "f1": row.f1}
    return {name: None if share is None else round(100.0 * share, 4) for name, share in shares.items()}


def _provenance(suite: Suite, story: Story, seed: str) -> dict[str, Any]:
    return {
        "evalkit": __version__,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "seed": suite.models[CANDIDATE].generation.seed,
        "suite_fingerprint": seed,
        "data_sha256": suite.dataset_sha256,
        "is_locked": suite.is_locked,
        "dataset": suite.dataset_path.name,
        "git": _git(suite_file(suite.path).parent),
        "plugins": _plugins_of(suite),
        "command": story.command,
        **story.timings,
        "finished": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "engines": {name: dict(counted) for name, counted in story.engines.items()},
    }


def _git(folder: Path) -> dict[str, Any] | None:
    at = revision(folder)
    return None if at is None else {"commit": at.commit, "dirty": at.is_dirty}


def _left_out(everything: Answers, judged: Answers, baseline: str, seed: str) -> Iterator[str]:
    """A sentence when checks left samples out: how many, and what the difference is with them."""
    n, left = len(everything.suite.samples), len(judged.suite.samples)
    if left == n:
        return
    gate, several = everything.suite.gate, len(everything.suite.baselines) > 1
    table = _scoring(everything).finish().table(baseline)
    found = compare_primary(everything.metrics[gate.primary.metric], table, gate, seed=seed)
    on_all = "cannot be measured"
    if found.delta_points is not None and found.ci95 is not None:
        on_all = f"is {signed(found.delta_points)} points {interval((found.ci95.low, found.ci95.high))}"
    yield (
        f"{n - left:,} of {n:,} held-out samples are left out (below is why); on all samples the difference on "
        f"{found.metric}{f' against {baseline}' if several else ''} {on_all}."
    )


def _trained_on(
    everything: Answers, looked_at: Checked, baseline: str, seed: str
) -> tuple[Mapping[str, Any], tuple[str, ...]]:
    """(what training data was found in the samples and did to the difference, what to say about it)."""
    if not looked_at.states:
        return looked_at.contamination, ()
    gate = everything.suite.gate
    metric, table = everything.metrics[gate.primary.metric], _scoring(everything).finish().table(baseline)
    document = with_effect(looked_at.contamination, looked_at.states, metric, table, gate, seed)
    return document, flagged(document, gate)


def _plugins_of(suite: Suite) -> dict[str, str]:
    """The packages whose code had a say, by what they brought."""
    named: list[tuple[Kind, str]] = [("backends", side.backend) for side in suite.models.values()]
    named += [("metrics", metric.type) for metric in suite.metrics]
    named += [("checks", check.type) for check in suite.checks]
    return {f"{kind}/{name}": origin for kind, name in named if (origin := origin_of(kind, name))}


def _manifest(suite: Suite, facts: RunFacts, story: Story) -> dict[str, Any]:
    return {
        "schema": "evalkit.manifest/1",
        "suite": dict(suite.declared),
        "suite_name": suite.name,
        "digests": dict(suite.digests),
        "provenance": dict(facts.provenance),
        "prompts": {role: _prompt(suite, role) for role in (*suite.baselines, CANDIDATE)},
        "versions": {"evalkit": __version__, "python": platform.python_version()},
        "command": story.command,
        "run": story.run,
    }


def _prompt(suite: Suite, role: str) -> dict[str, Any]:
    spec = suite.models[role]
    shown: list[dict[str, str]] = []
    has_template = spec.prompt.template is not None or spec.prompt.messages_field is not None
    if has_template and suite.samples:
        messages = Renderer(spec).messages(suite.samples[0])
        shown = [{"role": m.role, "content": m.content} for m in messages]
    return {
        "system": spec.prompt.system,
        "template": spec.prompt.template,
        "shots": len(spec.prompt.shots),
        "example_messages": shown,
    }


def _written(suite: Suite, facts: RunFacts, story: Story, folder: Path) -> Finished:
    """Writes everything but the samples, which are there already."""
    rows = SampleFile(folder / ROWS)
    document, manifest = with_failures(verdict_document(facts), suite, rows), _manifest(suite, facts, story)
    write_atomic(folder / "manifest.json", _pretty(manifest))
    write_atomic(folder / "report.html", html_pieces(with_lights(document, folder), rows, manifest))
    write_atomic(folder / "summary.md", render_markdown(document, rows).encode("utf-8", "backslashreplace"))
    write_atomic(folder / "junit.xml", render_junit(document))
    # Last: whoever finds a verdict.json finds all the rest.
    write_atomic(folder / "verdict.json", _pretty(document))
    point_latest(folder)
    return Finished(folder=folder, document=document)


def _line(row: Mapping[str, Any]) -> bytes:
    try:
        data = msgspec.json.encode(row)
    except UnicodeEncodeError:  # a lone surrogate, which only json can write
        return _ENCODER.encode(row).encode("ascii") + b"\n"
    # ASCII, so that no terminal or editor stumbles over what a model wrote.
    return (data if data.isascii() else _ENCODER.encode(msgspec.json.decode(data)).encode("ascii")) + b"\n"


def _pretty(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=True, allow_nan=False, indent=1).encode("ascii") + b"\n"
