"""Is it really two models? Asked of every baseline and the candidate; of several baselines, the answer says which."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from msgspec import to_builtins

from evalkit.errors import InvalidEvidence
from evalkit.run import identity
from evalkit.run.plan import Part
from evalkit.run.probe import Probe, probe
from evalkit.run.progress import Progress
from evalkit.run.spending import Spending
from evalkit.store.cache import Cache
from evalkit.store.journal import Journal
from evalkit.types import BASELINE, Reason, Suite
from evalkit.types.table import ScoreTable


def refuse_one_model(part: Part) -> None:
    """Raises InvalidEvidence when the digests already show a baseline and the candidate to be one."""
    for name in part.suite.baselines:
        with _naming(name, part.suite):
            identity.refuse_one_model(part.against(name))


async def probed(
    part: Part, journal: Journal, cache: Cache | None, spending: Spending, progress: Progress
) -> dict[str, Probe]:
    """What the probe of each baseline and the candidate sees, by baseline; those that need none are left out.

    A resumed run takes the word of the probes it began with. Raises InvalidEvidence where two look like one, and
    ExecutionError where one of them can be asked nothing.
    """
    seen: dict[str, Probe] = {}
    for name in part.suite.baselines:
        pair, key = part.against(name), "probe" if name == BASELINE else f"probe {name}"
        if not identity.claims_other_weights(pair):
            continue
        if (then := journal.meta(key)) is not None:
            seen[name] = Probe(**then)
            continue
        progress.on_note(f"checking that {name} and candidate are two models")
        with _naming(name, part.suite):
            seen[name] = await probe(pair, spending, cache, progress)
        if not seen[name].is_cut_short:
            journal.set_meta({key: to_builtins(seen[name])})
    return seen


def audited(part: Part, table: ScoreTable, seen: Probe | None) -> tuple[tuple[Reason, ...], tuple[str, ...]]:
    """What the answers of a pair say about the models behind them: (blocking reasons, warnings)."""
    blocking: tuple[Reason, ...] = ()
    warnings = (*identity.unequal_temperature(part), *identity.doubled_starts(part), *identity.silent_answers(table))
    if seen is not None and seen.caution is not None:
        warnings += (seen.caution,)
    try:
        warning = identity.refuse_equal_answers(table, seen)
        warnings += (warning,) if warning else ()
    except InvalidEvidence as error:
        blocking = (reason_of(error),)
    if (mismatch := identity.served_mismatch(part, table.served)) is not None:
        blocking += (Reason(code="SERVED_MODEL_MISMATCH", is_blocking=True, detail=mismatch),)
    return blocking, warnings


def reason_of(error: InvalidEvidence) -> Reason:
    """The error as what blocks a verdict."""
    return Reason(code=error.code, is_blocking=True, detail=str(error))


@contextlib.contextmanager
def _naming(baseline: str, suite: Suite) -> Iterator[None]:
    """What refuses one of several baselines in this block says which."""
    try:
        yield
    except InvalidEvidence as error:
        if len(suite.baselines) == 1:
            raise
        raise InvalidEvidence(f"against {baseline}: {error}", code=error.code) from error
