"""The samples that a zero-tolerance guard names: read from its file or list, and looked for among the suite's own."""

from __future__ import annotations

from collections.abc import Collection

from evalkit.errors import UsageError
from evalkit.suites.data import reach, read_data, why_unreadable
from evalkit.suites.diagnostics import did_you_mean, dotted, listing
from evalkit.suites.gate_schema import GuardEntry
from evalkit.suites.samples import Samples
from evalkit.suites.sides import Workshop
from evalkit.suites.yaml_source import Loc
from evalkit.types import GateSpec, GuardSpec


def ids_named(guard: GuardEntry, loc: Loc, shop: Workshop) -> tuple[str, ...]:
    """The ids in the guard's `ids` or in its file of `samples`, each once; () where neither is given or sound."""
    if guard.ids is not None:
        return tuple(dict.fromkeys(guard.ids))
    return () if guard.samples is None else _ids_in_file(guard.samples, (*loc, "samples"), shop)


def check_must_pass(made: Samples, gate: GateSpec, shop: Workshop) -> None:
    """Adds a finding for each id and each slice that no sample of the suite has."""
    entries = shop.parts.gate.guards if shop.parts.gate is not None else []
    if not made.samples or len(entries) != len(gate.guards):
        return
    known = {sample.id for sample in made.samples}
    slices = {f"{column}={value}" for sample in made.samples for column, value in sample.slices.items()}
    for i, (entry, spec) in enumerate(zip(entries, gate.guards, strict=True)):
        _check(entry, spec, ("gate", "guards", i), known, slices, shop)


def _check(  # noqa: PLR0917 - one guard against what the suite has
    entry: GuardEntry, spec: GuardSpec, loc: Loc, known: Collection[str], slices: Collection[str], shop: Workshop
) -> None:
    if spec.slice is not None and spec.slice not in slices:
        message = f"{dotted((*loc, 'slice'))}: no slice is named '{spec.slice[:60]}'{did_you_mean(spec.slice, slices)}"
        wanted = f"slices: {listing(sorted(slices))}" if slices else "name the column in dataset.slices"
        shop.findings.at((*loc, "slice"), message, help=wanted)
    unknown = [name for name in spec.must_pass if name not in known]
    if unknown:
        at = (*loc, "ids" if entry.ids is not None else "samples")
        message = f"{dotted(at)}: no sample has the id '{unknown[0][:80]}'{did_you_mean(unknown[0], known)}"
        more = f"; {len(unknown) - 1} more of these ids are unknown" if len(unknown) > 1 else ""
        shop.findings.at(at, message, help=f"what must pass is asked as part of this suite's own samples{more}")


def _ids_in_file(text: str, loc: Loc, shop: Workshop) -> tuple[str, ...]:
    findings, dataset = shop.findings, shop.parts.dataset
    if (problem := why_unreadable(text)) is not None:
        findings.at(loc, f"{dotted(loc)}: {problem[0]}", help=problem[1])
        return ()
    path = shop.file(text, loc)
    if path is None:
        return ()
    try:
        data = read_data(path, shop.tree)
    except UsageError as error:
        findings.extend(error.diagnostics)
        return ()
    findings.extend(data.problems)
    column = dataset.id if dataset is not None and dataset.id is not None else "id"
    problems, ids = data.problems_found(), []
    for line, row in data.rows:
        is_there, value = reach(row, column)
        if not is_there or isinstance(value, bool) or not isinstance(value, str | int):
            problems.add(line, f"the row has no id in '{column}'", fix=f'one {{"{column}": …}} a line')
        else:
            ids.append(str(value))
    findings.extend(problems.all())
    return tuple(dict.fromkeys(ids))
