"""When a change has paid for itself: what it cost to make against what it saves on every request.

With everything in USD::

    saving a request   baseline − candidate, the mean over the same samples
    net a day          requests a day · saving − upkeep a day − hosting a day
    payback, days      upfront / net a day; "never" where the net is not above 0
    upkeep a day       maintenance share · tuning hours · rate / 30.44, the mean days of a month

All bounds come from the saving's own: nothing else here was measured, it is what the suite states.
"""

from __future__ import annotations

import math

from msgspec import Struct

from evalkit.costs.saving import Priced, why_unpriced
from evalkit.types import Amount, EconomicsSpec, Payback, Suite
from evalkit.types.table import ScoreTable

PERIOD_DAYS = 30.44
"""The upkeep share is taken a month: 365.25 / 12 days. An assumption, and shown as one."""
UPFRONT_KEYS = ("training_usd", "tuning_hours", "labelling_hours")


class Bill(Struct, frozen=True, kw_only=True):
    """What the change costs: once, and every day from then on. USD."""

    upfront: float
    per_day: float = 0.0

    def days(self, saved_per_day: Amount) -> Amount:
        """Days until the saving has paid this bill; `math.inf` where it never does.

        >>> Bill(upfront=200.0).days(Amount(point=50.0, low=0.0, high=100.0))
        Amount(point=4.0, low=2.0, high=inf)
        """
        net = saved_per_day.plus(-self.per_day)
        return Amount(point=self._until(net.point), low=self._until(net.high), high=self._until(net.low))

    def _until(self, net: float) -> float:
        return self.upfront / net if net > 0.0 else math.inf


class Line(Struct, frozen=True, kw_only=True):
    """One way to count: what is in it and when it is paid back."""

    what: str
    days: Amount
    bill: Bill | None = None


class Costs(Struct, frozen=True, kw_only=True):
    """All that is known about the money of a change. None = not known, and `payback.why` says why."""

    payback: Payback
    pairs: int = 0
    """Samples whose cost is known on both sides."""
    baseline: float | None = None
    """USD a request, over these pairs."""
    candidate: float | None = None
    difference: Amount | None = None
    """Candidate minus baseline, USD a request, between the bounds of the gate."""
    ci95: Amount | None = None
    """The same with its two-sided 95 % interval."""
    why_unpriced: str = ""
    bill: Bill | None = None
    """With everything the suite states in it."""
    upkeep_per_day: float | None = None
    saved_per_day: Amount | None = None
    net_per_day: Amount | None = None
    lines: tuple[Line, ...] = ()
    """Money alone, then with the hours of tuning and upkeep, then with the hours of labelling."""
    sensitivity: tuple[Line, ...] = ()
    """The last of `lines` under other assumptions."""
    break_even: Amount | None = None
    """Requests a day at which it is paid back within the days asked for; inf = no number would do."""
    break_even_upkeep: Amount | None = None
    """Requests a day at which the saving covers upkeep and hosting."""


def costs_of(table: ScoreTable, suite: Suite) -> Costs:
    """What a request costs on either side and when the candidate has paid for itself."""
    spec, gate = suite.economics, suite.gate
    level = 1.0 - 2.0 * gate.alpha
    priced = Priced.of(table)
    difference = priced.difference(level)
    unpriced = why_unpriced(priced, table, suite.models, gate.validity)
    why = _why_unknown(spec) or unpriced
    known = Costs(
        payback=Payback(asked_days=(spec or EconomicsSpec()).max_payback_days, why=why),
        pairs=len(priced),
        baseline=float(priced.baseline.mean()) if len(priced) else None,
        candidate=float(priced.candidate.mean()) if len(priced) else None,
        difference=difference,
        ci95=priced.difference(0.95),
        why_unpriced=unpriced,
    )
    if why or spec is None or difference is None:
        return known
    return _weighed(known, spec, priced, level)


def bills(spec: EconomicsSpec) -> tuple[tuple[str, Bill], ...]:
    """What the suite says the change costs, counted three ways, each with more in it than the last.

    Ways for which the suite gives nothing are left out. Hours need `usd_per_hour`.
    """
    rate, hosting = spec.usd_per_hour or 0.0, spec.hosting_usd_per_day or 0.0
    money = spec.training_usd or 0.0
    upkeep = _upkeep(spec)
    tuned = money + (spec.tuning_hours or 0.0) * rate
    labelled = tuned + (spec.labelling_hours or 0.0) * rate
    ways = (
        (spec.training_usd, "the money for training alone", Bill(upfront=money, per_day=hosting)),
        (spec.tuning_hours, "with the hours of tuning and upkeep", Bill(upfront=tuned, per_day=hosting + upkeep)),
        (spec.labelling_hours, "with the hours of labelling", Bill(upfront=labelled, per_day=hosting + upkeep)),
    )
    return tuple((what, bill) for given, what, bill in ways if given is not None)


def _upkeep(spec: EconomicsSpec) -> float:
    """USD a day: engineers keep coming back for a share of what tuning took."""
    return spec.maintenance_share * (spec.tuning_hours or 0.0) * (spec.usd_per_hour or 0.0) / PERIOD_DAYS


def _why_unknown(spec: EconomicsSpec | None) -> str:
    """What the suite does not say and a payback cannot do without; empty when it says enough."""
    if spec is None:
        return "the suite has no `economics` section"
    if spec.requests_per_day is None:
        return "the suite does not say `economics.requests_per_day`"
    if all(getattr(spec, key) is None for key in UPFRONT_KEYS):
        return f"the suite does not say what the change costs (`economics.{'`, `'.join(UPFRONT_KEYS)}`)"
    if spec.usd_per_hour is None and (spec.tuning_hours or spec.labelling_hours):
        return "hours have no price: the suite does not say `economics.usd_per_hour`"
    return ""


def _weighed(known: Costs, spec: EconomicsSpec, priced: Priced, level: float) -> Costs:
    volume = spec.requests_per_day or 0.0
    difference = known.difference
    assert difference is not None  # noqa: S101 - tells mypy what the caller checked
    saving = difference.times(-1.0)
    saved = saving.times(volume)
    ways = bills(spec)
    bill = ways[-1][1]
    rivals = {
        "half as many requests, or all token prices −50 %": saved.times(0.5),
        "twice as many requests": saved.times(2.0),
        "the baseline's token prices −50 %": _saved(priced.difference(level, baseline=0.5), volume),
        "the candidate's token prices +50 %": _saved(priced.difference(level, candidate=1.5), volume),
    }
    return Costs(
        payback=Payback(asked_days=spec.max_payback_days, days=bill.days(saved)),
        pairs=known.pairs,
        baseline=known.baseline,
        candidate=known.candidate,
        difference=difference,
        ci95=known.ci95,
        bill=bill,
        upkeep_per_day=_upkeep(spec),
        saved_per_day=saved,
        net_per_day=saved.plus(-bill.per_day),
        lines=tuple(Line(what=what, days=each.days(saved), bill=each) for what, each in ways),
        sensitivity=tuple(Line(what=what, days=bill.days(rival)) for what, rival in rivals.items() if rival),
        break_even=_requests(bill.upfront, spec.max_payback_days, bill.per_day, saving),
        break_even_upkeep=_requests(0.0, 1.0, bill.per_day, saving),
    )


def _saved(difference: Amount | None, volume: float) -> Amount | None:
    return None if difference is None else difference.times(-volume)


def _requests(upfront: float, within_days: float, per_day: float, saving: Amount) -> Amount:
    """Requests a day that pay `upfront` in so many days and `per_day` every day; inf where no number would."""
    if upfront > 0.0 and within_days == 0.0:
        return Amount(point=math.inf, low=math.inf, high=math.inf)
    owed = (upfront / within_days if upfront else 0.0) + per_day

    def enough(each: float) -> float:
        return max(0.0, owed) / each if each > 0.0 else math.inf

    return Amount(point=enough(saving.point), low=enough(saving.high), high=enough(saving.low))
