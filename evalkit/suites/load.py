"""suite.yaml and the files it names as one frozen Suite, or every mistake in them at once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import Struct, field, structs

from evalkit.errors import UsageError
from evalkit.suites.checks_schema import Checks, build_hygiene
from evalkit.suites.crosscheck import check_prompts, check_targets
from evalkit.suites.data import Data, read_data
from evalkit.suites.diagnostics import Findings, did_you_mean, dotted, listing
from evalkit.suites.economics import build_economics, economics_warnings
from evalkit.suites.fields import VERSION
from evalkit.suites.files import MAX_TEXT_BYTES, Tree, decode, read_bytes, training_files
from evalkit.suites.gate import build_gate, build_metrics, gate_warnings
from evalkit.suites.hub import dataset_file
from evalkit.suites.jsonl import Row
from evalkit.suites.locate import point_at_cells
from evalkit.suites.mixture import check_weights
from evalkit.suites.must_pass import check_must_pass
from evalkit.suites.overrides import with_overrides
from evalkit.suites.paths import Refused, tree_root
from evalkit.suites.price_table import price_warnings, read_prices, with_prices
from evalkit.suites.prompts import PromptError
from evalkit.suites.records.record import chosen_in
from evalkit.suites.samples import Samples, check_columns, chosen, make_samples
from evalkit.suites.schema import Run
from evalkit.suites.semantic import build_semantic
from evalkit.suites.several import check_baselines
from evalkit.suites.shape import Parts, check_shape
from evalkit.suites.side_schema import BUILT_IN_BACKENDS
from evalkit.suites.sides import BuiltSide, Workshop, build_side
from evalkit.suites.streaming import stream_warnings
from evalkit.suites.yaml_source import Loc, Source, parse
from evalkit.types import CheckSpec, GateSpec, MetricSpec, ModelSpec, RunSpec, Suite

SUITE_NAME = "suite.yaml"


class Known(Struct, frozen=True, kw_only=True):
    """The names a suite may use besides built-in metrics; the options of what plug-ins bring are theirs to check."""

    backends: frozenset[str] = BUILT_IN_BACKENDS
    metric_types: frozenset[str] = frozenset()
    check_types: frozenset[str] = frozenset()


BUILT_IN = Known()


class Options(Struct, frozen=True, kw_only=True):
    """What a caller adds to the file."""

    limit: int | None = None
    known: Known = BUILT_IN
    is_guard: bool = False
    """A guard suite's own guards are not followed."""


def load_suite(
    path: Path,
    *,
    overrides: Sequence[str] = (),
    limit: int | None = None,
    known: Known = BUILT_IN,
) -> Suite:
    """The suite at `path` (a file, or a folder that holds suite.yaml), read, checked and frozen.

    `overrides` are `key.path=value` options; `limit` keeps that many samples, the same ones each time. Raises
    UsageError with every mistake found, in file order; opens nothing outside the suite's tree but model weights' names.
    """
    if limit is not None and limit < 1:
        raise UsageError(f"--limit {limit}: must be at least 1")
    source = with_overrides(read_source(path), overrides)
    return _loaded(source, suite_file(path), Options(limit=limit, known=known))


def as_guard(suite: Suite, models: Mapping[str, ModelSpec]) -> Suite:
    """The guard suite asked of the main suite's models: their backends and weights, its own prompts and decoding."""
    own = suite.models
    first = own[suite.baselines[0]]
    sides = {
        role: structs.replace(model, prompt=own.get(role, first).prompt, generation=own.get(role, first).generation)
        for role, model in models.items()
    }
    return structs.replace(suite, models=sides)


def read_source(path: Path, shown: str | None = None) -> Source:
    """The parsed document of a suite file, named `shown` in messages. Raises UsageError where it cannot be read."""
    file = suite_file(path)
    shown = shown or str(file)
    return parse(decode(read_bytes(file, shown, MAX_TEXT_BYTES), shown), shown)


def tree_of(path: Path, shown: str | None = None) -> Tree:
    """Where the suite at `path` may read from."""
    file = suite_file(path)
    folder = file.resolve().parent
    return Tree(folder=folder, root=tree_root(folder), shown=str(Path(shown or file).parent))


def suite_file(path: Path) -> Path:
    """The suite file that a path means: itself, or suite.yaml in that folder."""
    return path / SUITE_NAME if path.is_dir() else path


def _loaded(source: Source, file: Path, options: Options) -> Suite:
    findings = Findings(source)
    tree = tree_of(file, source.path)
    parts = check_shape(source, findings)
    shop = Workshop(
        parts=parts,
        tree=tree,
        suite_file=file.resolve(),
        findings=findings,
        backends=options.known.backends,
        version=VERSION,
    )
    check_baselines(parts, findings)
    sides = {role: built for role, side in parts.sides.items() if (built := build_side(role, side, shop)) is not None}
    metrics = build_metrics(shop, options.known.metric_types)
    gate = build_gate(shop, metrics, _Guards(shop, options).names)
    data = _read(parts, tree, findings)
    samples = None if data is None else _samples(data, sides, metrics, gate, shop)
    training = _training_paths(parts.checks, tree, findings)
    checks = _checks(parts.checks, options.known.check_types, findings)
    prices = read_prices(parts.whole.prices if parts.whole else None, tree, findings)
    semantic = build_semantic(parts.checks.semantic if parts.checks else None, shop)
    findings.raise_if_any()
    # With no findings every part is there; this is for the type checker and for mistakes of ours.
    if data is None or samples is None or gate is None or parts.whole is None or parts.dataset is None:
        raise AssertionError("a part of the suite is missing and nothing was reported")
    economics = build_economics(parts.economics, findings.source.line_of(("economics",)))
    models = with_prices({role: built.spec for role, built in sides.items()}, prices)
    kept = samples.samples if options.limit is None else chosen(samples.samples, options.limit, data.sha256)
    return Suite(
        name=parts.whole.name,
        path=file,
        root=tree.root,
        description=parts.whole.description,
        samples=kept,
        is_part=len(kept) < len(samples.samples),
        dataset_path=data.path,
        dataset_sha256=data.sha256,
        is_locked=parts.dataset.sha256 is not None,
        models=models,
        metrics=metrics,
        gate=gate,
        run=_run(parts.whole.run),
        economics=economics,
        training_data=training,
        contamination=(parts.checks or Checks()).contamination.action,
        hygiene=build_hygiene(parts.checks, semantic, time_column=parts.dataset.time if parts.dataset else None),
        checks=checks,
        truncated=parts.whole.truncated,
        declared=parts.document,
        digests=dict(sorted(tree.digests.items())),
        warnings=(
            *_warnings(parts, data, sides),
            *gate_warnings(gate),
            *economics_warnings(economics, gate, models),
            *stream_warnings(gate, models),
            *price_warnings(models, prices, dt.datetime.now(dt.UTC).date()),
        ),
    )


class _Guards(Struct, frozen=True):
    """Reads the suites that guards name, each once."""

    shop: Workshop
    options: Options
    known: dict[Path, frozenset[str] | None] = field(default_factory=dict)

    def names(self, path: Path, _loc: Loc) -> frozenset[str] | None:
        if self.options.is_guard:
            return None
        if path not in self.known:
            try:
                options = structs.replace(self.options, is_guard=True, limit=None)
                suite = _loaded(read_source(path, self.shop.tree.show(path)), path, options)
                self.known[path] = frozenset(metric.name for metric in suite.metrics)
            except UsageError as error:
                self.shop.findings.extend(error.diagnostics)
                self.known[path] = None
        return self.known[path]


def _read(parts: Parts, tree: Tree, findings: Findings) -> Data | None:
    """The dataset, or None after adding findings."""
    dataset = parts.dataset
    if dataset is None:
        return None
    loc: Loc = ("dataset", "path")
    path = dataset_file(dataset.path, tree)
    if isinstance(path, Refused):
        findings.at(loc, f"dataset.path: {path.why}", help=path.help)
        return None
    try:
        data = read_data(path, tree)
    except UsageError as error:
        findings.extend(error.diagnostics)
        return None
    findings.extend(data.problems)
    if dataset.sha256 is not None and dataset.sha256 != data.sha256:
        message = f"dataset.sha256: DATA_CHANGED: {data.path.name} is not the file that was locked"
        command = f"`evalkit lock {findings.source.path}`"
        hint = f"locked {dataset.sha256}, now {data.sha256}; when the change is meant: {command}"
        findings.at(("dataset", "sha256"), message, help=hint)
    return data


def _samples(
    data: Data,
    sides: Mapping[str, BuiltSide],
    metrics: tuple[MetricSpec, ...],
    gate: GateSpec | None,
    shop: Workshop,
) -> Samples | None:
    """The samples, checked against all that is asked of them, or None after adding findings."""
    dataset, findings = shop.parts.dataset, shop.findings
    if dataset is None or not check_columns(data, dataset, findings):
        return None
    answering = next((built.composer for built in sides.values()), None)

    def answer_of(row: Row) -> str | None:
        try:
            said = None if answering is None else answering.turns(row)[1]
        except PromptError:
            return None
        return chosen_in(row) if said is None else said

    made, problems = make_samples(data, dataset, answer_of)
    check_weights(made, shop)
    check_prompts(made, sides, shop, problems)
    if not problems.listed:
        check_targets(made, metrics, data, shop, problems)
    point_at_cells(problems, data)
    findings.extend(problems.all())
    if gate is not None:
        check_must_pass(made, gate, shop)
    return made


def _training_paths(checks: Checks | None, tree: Tree, findings: Findings) -> tuple[Path, ...]:
    """The training files, patterns such as `train/*.jsonl` spelled out; each must exist inside the tree."""
    paths: list[Path] = []
    for i, text in enumerate([] if checks is None else checks.training_data):
        loc: Loc = ("checks", "training_data", i)
        found = training_files(text, tree)
        if isinstance(found, Refused):
            findings.at(loc, f"{dotted(loc)}: {found.why}", help=found.help)
        else:
            paths += found
    return tuple(dict.fromkeys(paths))


def _checks(checks: Checks | None, known: frozenset[str], findings: Findings) -> tuple[CheckSpec, ...]:
    """The plug-in checks the suite names."""
    specs = []
    for i, entry in enumerate([] if checks is None else checks.plugins):
        loc: Loc = ("checks", "plugins", i)
        if entry.type not in known:
            available = listing(sorted(known)) if known else "none"
            what = f"{dotted((*loc, 'type'))}: no installed package brings a check '{entry.type[:60]}'"
            findings.at((*loc, "type"), what + did_you_mean(entry.type, known), help=f"checks here: {available}")
        options = dict(entry.model_extra or {})
        line = findings.source.line_of(loc)
        specs.append(CheckSpec(type=entry.type, action=entry.action, options=options, line=line))
    return tuple(specs)


def _run(run: Run) -> RunSpec:
    return RunSpec(**run.model_dump())


def _warnings(parts: Parts, data: Data, sides: Mapping[str, BuiltSide]) -> tuple[str, ...]:
    """What the author should know that stops nothing."""
    found: list[str] = []
    checks = parts.checks or Checks()
    if checks.group_keys and not checks.training_data:
        found.append("checks.group_keys are held against training data, and checks.training_data names none.")
    if checks.semantic and not checks.training_data:
        found.append("checks.semantic looks for the samples in training data, and checks.training_data names none.")
    found += [data.odd] if data.odd else []
    if parts.dataset is not None and parts.dataset.id is None and "id" in data.columns:
        found.append("The data has a column 'id' that dataset.id does not name: a hash of each row is its id.")
    if any("{{" in (built.spec.prompt.system or "") for built in sides.values()):
        found.append("A system prompt holds '{{': it is sent as it stands; only `prompt` is filled in from the row.")
    return tuple(found)
