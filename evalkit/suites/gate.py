"""`metrics:` and `gate:` as specs, checked against each other and against what this version can decide."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from evalkit.metrics.catalogue import known_types, option_names
from evalkit.numbers import some_points
from evalkit.suites.diagnostics import did_you_mean, dotted, listing, nearest
from evalkit.suites.gate_schema import Gate, GuardEntry
from evalkit.suites.hf_scripts import with_script
from evalkit.suites.must_pass import ids_named
from evalkit.suites.paths import Refused
from evalkit.suites.schema import MetricEntry
from evalkit.suites.sides import Workshop, schema_file
from evalkit.suites.yaml_source import Loc
from evalkit.types import GateSpec, GuardSpec, JsonValue, MetricSpec, PrimarySpec, SlicesSpec, ValiditySpec
from evalkit.types.reuse import ReuseSpec

GENERAL_MARGIN = 3.0
"""Points another suite's metric may lose when a guard names no margin: general ability moves on its own."""
OWN_MARGIN = 1.0
"""The same for a metric of this suite."""
RATIOS = {"latency": 1.10, "ttft": 1.10, "cost": 1.00}
"""What a ratio guard allows when it names nothing; a gain in quality may cost a quarter more."""
QUALITY_COST_RATIO = 1.25

NamesOf = Callable[[Path, Loc], frozenset[str] | None]
"""Metric names of another suite, or None after adding findings."""


def build_metrics(shop: Workshop, extra_types: frozenset[str]) -> tuple[MetricSpec, ...]:
    """The metrics whose entries are sound, in file order; findings for the others."""
    specs: list[MetricSpec] = []
    seen: dict[str, int] = {}
    for i, entry in shop.parts.metrics.items():
        loc: Loc = ("metrics", i)
        if entry.name in seen:
            first = shop.findings.source.line_of(("metrics", seen[entry.name]))
            message = f"{dotted((*loc, 'name'))}: another metric is named '{entry.name}'"
            shop.findings.at((*loc, "name"), message, help=None if first is None else f"first on line {first}")
        seen.setdefault(entry.name, i)
        options = _options(entry, loc, shop, extra_types)
        line = shop.findings.source.line_of(loc)
        specs.append(MetricSpec(name=entry.name, type=entry.type, field=entry.field, options=options, line=line))
    return tuple(specs)


def build_gate(shop: Workshop, metrics: tuple[MetricSpec, ...], names_of: NamesOf) -> GateSpec | None:
    """The gate, or None where its section is unsound."""
    gate, findings = shop.parts.gate, shop.findings
    if gate is None:
        return None
    line_of = findings.source.line_of
    own = frozenset(metric.name for metric in metrics)
    if shop.parts.has_all_metrics:
        for place, name in _primary_metrics(gate):
            _check_metric(name, own, place, shop)
    _refuse_twice(gate, shop)
    guards = tuple(
        spec
        for i, guard in enumerate(gate.guards)
        if (spec := _guard(guard, ("gate", "guards", i), own, shop, names_of))
    )
    primary = gate.primary
    first, *others = (name for _, name in _primary_metrics(gate))
    return GateSpec(
        primary=PrimarySpec(
            metric=first,
            others=tuple(others),
            require=primary.require or "all",
            min_delta=primary.min_delta,
            evidence=primary.evidence,
            unresolved=primary.unresolved,
            line=line_of(("gate", "primary")),
        ),
        intent=gate.intent,
        alpha=gate.alpha,
        noninferiority_margin=gate.noninferiority_margin,
        guards=guards,
        slices=SlicesSpec(**gate.slices.model_dump(), line=line_of(("gate", "slices"))),
        reuse=_reuse(gate, line_of(("gate", "reuse"))),
        validity=ValiditySpec(**gate.validity.model_dump(), line=line_of(("gate", "validity"))),
        require_judge_calibration=gate.require_judge_calibration,
        line=line_of(("gate",)),
    )


def _primary_metrics(gate: Gate) -> list[tuple[Loc, str]]:
    """Each metric that decides, with where it is named."""
    primary = gate.primary
    if primary.metric is not None:
        return [(("gate", "primary", "metric"), primary.metric)]
    return [(("gate", "primary", "metrics", i), name) for i, name in enumerate(primary.metrics or ())]


def unavailable(what: str, available: str, shop: Workshop) -> str:
    """The sentence for a feature of a later version."""
    return f"{what} is not available in evalkit {shop.version}; available: {available}"


def _options(entry: MetricEntry, loc: Loc, shop: Workshop, extra_types: frozenset[str]) -> Mapping[str, JsonValue]:
    """The entry's options with schema files read in; findings for an unknown type or option."""
    options: dict[str, Any] = dict(entry.model_extra or {})
    if entry.type in extra_types:
        return options
    types = known_types()
    if entry.type not in types:
        what = f"{dotted((*loc, 'type'))}: metric type '{entry.type[:60]}'"
        available = listing(sorted({*types, *extra_types}))
        near = nearest(entry.type, {*types, *extra_types})
        hint = None if near is None else f"did you mean '{near}'?"
        shop.findings.at((*loc, "type"), unavailable(what, available, shop), help=hint)
        return options
    known = option_names(entry.type)
    for key in options:
        if key not in known:
            keys = sorted({*known, "name", "type", "field"})
            message = f"unknown key '{dotted((*loc, key))}' for type '{entry.type}'{did_you_mean(key, keys)}"
            shop.findings.at((*loc, key), message, help=f"known keys: {listing(keys)}", on_key=True)
    if entry.type == "hf_evaluate":
        return with_script(options, loc, shop)
    if "schema" in known:
        named = options.get("schema")
        if isinstance(named, str):
            options["schema"] = schema_file(named, (*loc, "schema"), shop, is_applied=True)
        elif "schema" in options:
            shop.findings.at((*loc, "schema"), f"{dotted((*loc, 'schema'))}: must be the path of a JSON file")
        elif not any(did_you_mean(key, ["schema"]) for key in options):
            shop.findings.at(loc, f"{dotted((*loc, 'schema'))} is missing: the path of a JSON Schema")
    return options


def _guard(guard: GuardEntry, loc: Loc, own: frozenset[str], shop: Workshop, names_of: NamesOf) -> GuardSpec | None:
    suite: Path | None = None
    if guard.metric is not None:
        known: frozenset[str] | None = own if shop.parts.has_all_metrics else None
        if guard.suite is not None:
            suite = _guard_suite(guard.suite, (*loc, "suite"), shop)
            if suite is None:
                return None
            known = names_of(suite, (*loc, "suite"))
        if known is not None:
            _check_metric(guard.metric, known, (*loc, "metric"), shop)
    default_margin = OWN_MARGIN if suite is None else GENERAL_MARGIN
    is_for_quality = shop.parts.gate is not None and shop.parts.gate.intent == "quality"
    default_ratio = QUALITY_COST_RATIO if guard.kind == "cost" and is_for_quality else RATIOS.get(guard.kind, 1.0)
    return GuardSpec(
        kind=guard.kind,
        metric=guard.metric,
        suite=suite,
        margin=default_margin if guard.margin is None else guard.margin,
        mode=guard.mode,
        # What must not fail has to be seen to pass; anything else may go unsettled with a warning.
        on_unresolved=guard.on_unresolved or ("inconclusive" if guard.kind == "zero_tolerance" else "warn"),
        must_pass=ids_named(guard, loc, shop),
        slice=guard.slice,
        stat=guard.stat,
        max_ratio=default_ratio if guard.max_ratio is None else guard.max_ratio,
        line=shop.findings.source.line_of(loc),
    )


def _guard_suite(text: str, loc: Loc, shop: Workshop) -> Path | None:
    """The file of the other suite that a guard names, or None after adding a finding."""
    path = shop.tree.file(text)
    if isinstance(path, Refused):
        folder = text.rstrip("/")
        inner = shop.tree.file(f"{folder}/suite.yaml")
        hint = path.help if isinstance(inner, Refused) else f"name the file in it: {folder}/suite.yaml"
        shop.findings.at(loc, f"{dotted(loc)}: {path.why}", help=hint)
        return None
    if path == shop.suite_file:
        message = f"{dotted(loc)}: this is the suite itself; a guard's `suite` is another one"
        shop.findings.at(loc, message, help="to guard a metric of this suite, leave `suite` out")
        return None
    return path


def _refuse_twice(gate: Gate, shop: Workshop) -> None:
    """Adds a finding for a guard that watches what another one watches already."""
    seen: dict[tuple[str | None, ...], int] = {}
    for i, guard in enumerate(gate.guards):
        if guard.kind == "zero_tolerance":  # two of them may name different samples
            continue
        which = (guard.samples, guard.slice, *(guard.ids or ()))
        first = seen.setdefault((guard.kind, guard.metric, guard.suite, guard.mode, guard.stat, *which), i)
        if first != i:
            what = f"the metric '{guard.metric}'" if guard.kind == "metric" else guard.kind
            message = f"{dotted(('gate', 'guards', i))}: gate.guards[{first}] guards {what} already"
            shop.findings.at(("gate", "guards", i), message, help="keep one of them")


def gate_warnings(gate: GateSpec) -> Iterator[str]:
    """A guard on the primary metric, which stops nothing: it only repeats what the gate asks for anyway."""
    primary = gate.primary
    for i, guard in enumerate(gate.guards):
        if guard.kind != "metric" or guard.suite is not None or guard.metric != primary.metric:
            continue
        if primary.require == "any":
            continue  # another metric may carry the gain while this one loses
        name = f"gate.guards[{i}] guards '{primary.metric}', the primary metric"
        if gate.intent != "quality":
            asked = some_points(gate.noninferiority_margin)
            yield f"{name}, which may lose at most {asked} anyway: the smaller of the two margins decides."
        elif primary.evidence != "none":
            yield f"{name}: the gate asks for a gain there, so that this guard can never decide anything."


def _check_metric(name: str, known: frozenset[str], loc: Loc, shop: Workshop) -> None:
    if name not in known:
        message = f"{dotted(loc)}: no metric is named '{name[:60]}'{did_you_mean(name, known)}"
        shop.findings.at(loc, message, help=f"metrics: {listing(sorted(known))}")


def _reuse(gate: Gate, line: int | None) -> ReuseSpec:
    """Sealed samples judge one candidate."""
    uses = 1 if gate.reuse.policy == "sealed" else gate.reuse.max_uses
    return ReuseSpec(policy=gate.reuse.policy, max_uses=uses, line=line)
