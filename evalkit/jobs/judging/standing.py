"""What is on record of a suite's judges before anything is asked, and what a run's verdict could not rest on."""

from __future__ import annotations

import datetime as dt
import importlib.metadata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evalkit.errors import EvalkitError
from evalkit.jobs.judging.at_start import Metrics, judges_of
from evalkit.jobs.judging.instruments import trust_in
from evalkit.jobs.judging.records import Known, known_of
from evalkit.jobs.planning.at_rest import identity_at_rest
from evalkit.judging.metric import JudgeMetric
from evalkit.judging.seal import sealed
from evalkit.judging.spec import JudgeSpec
from evalkit.types import ModelIdentity, Suite

UNOPENED = "known_once_opened"
NOT_YET = (
    "it was measured, and whether with these very weights is known once its model is opened: a run says so before it "
    "decides"
)


def standing(suites: Sequence[Suite], metrics: Metrics) -> list[dict[str, Any]]:
    """Each judge as a plan names it: {metric, suite, judge, model, state, note, blocks}.

    `blocks`: the gate cannot do without this judge's metric, and on what is known of it now no verdict may rest. Raises
    ExecutionError for a damaged record.
    """
    by_name, main = {suite.name: suite for suite in suites}, suites[0]
    return [_row(by_name[name], metric, is_main=name == main.name) for name, metric in judges_of(metrics)]


def undecided(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """A sentence for each judge that keeps every run from shipping, whatever the answers will be."""
    for row in rows:
        if row["blocks"]:
            yield (
                f"as things stand no run can ship: {row['metric']} is graded by the judge {row['judge']}, and no "
                f"verdict may rest on it: {row['note']}"
            )


def _row(suite: Suite, metric: JudgeMetric, *, is_main: bool) -> dict[str, Any]:
    spec = metric.spec
    at_rest, is_whole = _sealed_at_rest(spec)
    known: Known = known_of(at_rest, dt.datetime.now(dt.UTC))
    # Its record is about a judge whose models were opened; these are not, and may well be the same ones.
    is_open = not is_whole and known.state == "out_of_date" and known.kept is None
    primary = suite.gate.primary
    is_needed = is_main and metric.name in primary.metrics and (primary.require == "all" or not primary.others)
    trust = trust_in(metric, known, suite)
    return {
        "metric": metric.name,
        "suite": suite.name,
        "judge": spec.id,
        "model": spec.model.model or spec.model.backend,
        "state": UNOPENED if is_open else known.state,
        "note": NOT_YET if is_open else known.told,
        "blocks": is_needed and not is_open and bool(trust.distrust) and not trust.is_given,
    }


def _sealed_at_rest(spec: JudgeSpec) -> tuple[JudgeSpec, bool]:
    """(the judge as it will be once its models are opened, whether all that they prove then is known beforehand)."""
    identities: dict[str, ModelIdentity] = {}
    for role, member in spec.members.items():
        try:
            identity = identity_at_rest(member)
        except (EvalkitError, OSError, importlib.metadata.PackageNotFoundError):
            continue  # the plan says of its load that it cannot be told; a run says what is missing
        if identity is not None:
            identities[role] = identity
    return sealed(spec, identities), identities.keys() == spec.members.keys()
