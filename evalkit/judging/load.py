"""A judge's YAML file as a frozen JudgeSpec, or every mistake in it at once, each at its place."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from msgspec import Struct, structs
from pydantic import BaseModel, ValidationError

from evalkit.errors import UsageError
from evalkit.judging.rubric import check_rubric, criteria_of
from evalkit.judging.schema import Chosen, JudgeFile, JudgeModel, MetricOptions
from evalkit.judging.seal import judge_hash
from evalkit.judging.spec import JUDGE, RETEST_SHARE, CalibrationSpec, InputLimits, JudgeSpec, ProbeSpec
from evalkit.judging.wording import reply_schema
from evalkit.suites.diagnostics import Findings, did_you_mean, dotted, listing
from evalkit.suites.fields import VERSION
from evalkit.suites.files import MAX_TEXT_BYTES, Tree, decode, read_bytes
from evalkit.suites.load import read_source, tree_of
from evalkit.suites.overrides import with_overrides
from evalkit.suites.paths import Refused, inside, tree_root
from evalkit.suites.shape import Parts, keys_at, take_literally
from evalkit.suites.side_schema import BUILT_IN_BACKENDS, Side
from evalkit.suites.sides import Workshop, build_side
from evalkit.suites.wording import explain
from evalkit.suites.yaml_source import Loc, Source, parse
from evalkit.types import Generation, ModelSpec, Suite

_M = TypeVar("_M", bound=BaseModel)
_OWN = frozenset({"temperature", "max_tokens", "seed"})
"""Keys of a judge's model that are decoding; the rest is an entry as any side has it."""
_PROMPTS = ("system", "prompt", "messages", "fewshot", "generation")
_NO_BOUNDS = frozenset({"openai", "anthropic"})
"""Backends whose constrained decoding takes no `maxLength`."""


class SuiteJudge(Struct, frozen=True, kw_only=True):
    """A judge as one metric of a suite uses it."""

    spec: JudgeSpec
    columns: Mapping[str, str]
    """Input → dotted path of the column that holds it, where the suite says so."""


class _Desk(Struct, frozen=True, kw_only=True):
    """Where the models of a judge are built: the document they stand in and the folder their paths start from."""

    findings: Findings
    tree: Tree
    file: Path
    backends: frozenset[str]
    prefix: Loc = ()

    def shop(self) -> Workshop:
        parts = Parts(document={})
        return Workshop(
            parts=parts,
            tree=self.tree,
            suite_file=self.file,
            findings=self.findings,
            backends=self.backends,
            version=VERSION,
        )


def bundled_folder() -> Path:
    """Where the judges are that come with evalkit."""
    inside_package = Path(__file__).parent / "bundled"
    return inside_package if inside_package.is_dir() else Path(__file__).parents[2] / "judges"


def bundled_names() -> tuple[str, ...]:
    """The bare names of the judges that come with evalkit."""
    return tuple(sorted(path.stem for path in bundled_folder().glob("*.yaml")))


def load_judge(name: str, *, overrides: Sequence[str] = (), backends: frozenset[str] = BUILT_IN_BACKENDS) -> JudgeSpec:
    """The judge called `name`: the path of a file, or the bare name of a bundled one.

    `overrides` are `key.path=value` options, say `model.model=judge-v2`. Raises UsageError with every mistake found.
    """
    is_bundled = name in bundled_names() and not Path(name).is_file()
    path = bundled_folder() / f"{name}.yaml" if is_bundled else Path(name)
    if not is_bundled and not path.is_file() and "/" not in name and not path.suffix:
        raise UsageError(f"there is no judge '{name[:100]}'{did_you_mean(name, bundled_names())}; {_bundled_list()}")
    folder = path.resolve().parent
    tree = Tree(folder=folder, root=tree_root(folder), shown=str(path.parent))
    source = with_overrides(_source(path.resolve(), str(path)), overrides)
    return _loaded(source, _desk(source, tree, path.resolve(), backends), Chosen(), is_bundled=is_bundled)


def suite_judge(suite: Suite, index: int, *, backends: frozenset[str] = BUILT_IN_BACKENDS) -> SuiteJudge:
    """The judge that metric number `index` of the suite names. Raises UsageError, located, with every mistake found."""
    metric, loc = suite.metrics[index], ("metrics", index)
    findings = Findings(read_source(suite.path))
    tree = tree_of(suite.path)
    options = _validated(dict(metric.options), MetricOptions, findings, loc, also=("name", "type"))
    if metric.field is not None:
        message = f"{dotted((*loc, 'field'))}: a judge reads the whole answer"
        findings.at((*loc, "field"), message, help="leave `field` out", on_key=True)
    path = None if options is None else _named(options.judge, (*loc, "judge"), tree, findings)
    findings.raise_if_any()
    if options is None or path is None:
        raise AssertionError("a judge is missing and nothing was reported")
    file, is_bundled = path
    # A bundled judge may not be read from outside the suite's tree by any other path than its name.
    own = Tree(
        folder=file.parent, root=file.parent if is_bundled else tree.root, shown=str(Path(tree.show(file)).parent)
    )
    shown = f"bundled judge {options.judge}" if is_bundled else tree.show(file)
    source = _source(file, shown)
    chosen = _Desk(findings=findings, tree=tree, file=suite.path, backends=backends, prefix=loc)
    spec = _loaded(source, _desk(source, own, file, backends), options, is_bundled=is_bundled, chosen_at=chosen)
    return SuiteJudge(
        spec=structs.replace(spec, teacher=options.teacher),
        columns={str(name): column for name, column in options.inputs.items()},
    )


def _desk(source: Source, tree: Tree, file: Path, backends: frozenset[str]) -> _Desk:
    return _Desk(findings=Findings(source), tree=tree, file=file, backends=backends)


def _source(path: Path, shown: str) -> Source:
    return parse(decode(read_bytes(path, shown, MAX_TEXT_BYTES), shown), shown)


def _bundled_list() -> str:
    return f"evalkit brings {listing(bundled_names())}; any other is named by its path, such as judges/mine.yaml"


def _named(text: str, loc: Loc, tree: Tree, findings: Findings) -> tuple[Path, bool] | None:
    """(file, is it a bundled one), or None after adding a finding."""
    if text in bundled_names():
        return bundled_folder() / f"{text}.yaml", True
    found = tree.file(text)
    if isinstance(found, Refused):
        is_bare = "/" not in text and "." not in text
        near = did_you_mean(text, bundled_names()) if is_bare else ""
        findings.at(loc, f"{dotted(loc)}: {found.why}{near}", help=_bundled_list() if is_bare else found.help)
        return None
    return found, False


def _validated(
    document: dict[str, Any], model: type[_M], findings: Findings, prefix: Loc = (), also: tuple[str, ...] = ()
) -> _M | None:
    """The document by its schema, or None after adding a finding for each mistake of shape."""
    try:
        return model.model_validate(document)
    except ValidationError as error:
        if not prefix:
            take_literally(document, findings.source, error)
    try:
        return model.model_validate(document)
    except ValidationError as left:
        places = [tuple(item["loc"])[:-1] for item in left.errors(include_url=False)]
        known = {(*prefix, *loc): (*keys_at(loc, model), *(also if not loc else ())) for loc in places}
        explain(left, prefix, known, findings)
        return None


def _loaded(
    source: Source, desk: _Desk, chosen: Chosen, *, is_bundled: bool, chosen_at: _Desk | None = None
) -> JudgeSpec:
    findings = desk.findings
    file = _validated(copy.deepcopy(source.value), JudgeFile, findings)
    findings.raise_if_any()
    if file is None:
        raise AssertionError("a judge is missing and nothing was reported")
    check_rubric(file, findings)
    own, at = (chosen, chosen_at) if chosen.model and chosen_at else (file, desk)
    others, others_at = (chosen, chosen_at) if chosen.panel is not None and chosen_at else (file, desk)
    if own.model is None:
        hint = "say model: {backend: openai_compatible, base_url: …, model: …}, here or where a suite names the judge"
        findings.at(("id",), "model is missing: this judge does not say which model grades", help=hint, on_key=True)
    entries = [(own.model, at, (*at.prefix, "model"))] if own.model else []
    entries += [(entry, others_at, (*others_at.prefix, "panel", i)) for i, entry in enumerate(others.panel or ())]
    if others.panel and len(others.panel) % 2:
        place = (*others_at.prefix, "panel")
        message = f"{dotted(place)}: {len(others.panel) + 1} models have no majority when they are split"
        others_at.findings.at(place, message, help="with `model`, let an odd number of models grade: 3 or 5")
    votes = chosen.votes or file.votes or 1
    members = [
        _member(entry, where, place, role=JUDGE if i == 0 else f"{JUDGE} {i + 1}", file=file, votes=votes)
        for i, (entry, where, place) in enumerate(entries)
    ]
    calibration = _calibration(file, desk)
    for each in {id(f): f for f in (findings, at.findings, others_at.findings)}.values():
        each.raise_if_any()
    built = [member for member in members if member is not None]
    spec = JudgeSpec(
        id=file.id,
        version=file.version,
        description=file.description,
        mode=file.mode,
        model=built[0],
        panel=tuple(built[1:]),
        votes=votes,
        retest=next((share for share in (chosen.retest, file.retest) if share is not None), RETEST_SHARE),
        forbid_families=tuple(file.forbid_families),
        inputs=tuple(file.inputs),
        limits=InputLimits(**file.limits.model_dump()),
        criteria=criteria_of(file),
        aggregate=file.aggregate,
        hard_fail=tuple(file.hard_fail),
        system=file.system,
        is_constrained=file.constrained,
        calibration=calibration,
        probes=ProbeSpec(**file.probes.model_dump()),
        path=desk.file,
        is_bundled=is_bundled,
    )
    return structs.replace(spec, judge_hash=judge_hash(spec))


def _member(entry: JudgeModel, at: _Desk, loc: Loc, *, role: str, file: JudgeFile, votes: int) -> ModelSpec | None:
    """One model that grades, or None after adding findings."""
    given = {name: getattr(entry, name) for name in entry.model_fields_set - _OWN if name != "price"}
    extra = dict(entry.model_extra or {})
    for key in _PROMPTS:
        if extra.pop(key, None) is not None:
            message = f"unknown key '{dotted((*loc, key))}'"
            hint = "a judge is asked by its rubric; temperature, max_tokens and seed stand beside `model`"
            at.findings.at((*loc, key), message, help=hint, on_key=True)
    side = Side.model_validate(given | extra).model_copy(update={"price": entry.price})
    built = build_side(role, side, at.shop(), loc)
    if built is None:
        return None
    schema = reply_schema(criteria_of(file), is_bounded=entry.backend not in _NO_BOUNDS) if file.constrained else None
    generation = Generation(
        temperature=entry.temperature,
        max_tokens=entry.max_tokens,
        seed=entry.seed,
        repeats=votes,
        response_schema=schema,
    )
    return structs.replace(built.spec, generation=generation, line=None)


def _calibration(file: JudgeFile, desk: _Desk) -> CalibrationSpec | None:
    asked = file.calibration
    if asked is None:
        return None
    labels: Path | None = None
    if asked.labels is not None:
        # The labels may not be written yet: only a path that may never be read is a mistake.
        found = inside(asked.labels, desk.tree.folder, desk.tree.root)
        if isinstance(found, Refused):
            desk.findings.at(("calibration", "labels"), f"calibration.labels: {found.why}", help=found.help)
        else:
            labels = found
    return CalibrationSpec(
        labels=labels,
        min_items=asked.min_items,
        min_per_class=asked.min_per_class,
        agreement=asked.agreement.stat,
        min_agreement=asked.agreement.min,
        max_gap_to_human_human=asked.agreement.max_gap_to_human_human,
        min_sensitivity=asked.min_sensitivity,
        min_specificity=asked.min_specificity,
        max_age_days=asked.max_age_days,
    )
