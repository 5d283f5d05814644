"""What was found, in points, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Self

from msgspec import Struct, field

from evalkit.types.json import JsonValue
from evalkit.types.reuse import Reuse

Status = Literal["ship", "dont_ship", "inconclusive", "invalid", "error"]
GuardState = Literal["held", "regressed", "unresolved", "not_measured"]

EXIT_CODES: Mapping[Status, int] = {"ship": 0, "dont_ship": 1, "inconclusive": 3, "invalid": 4, "error": 5}
"""Only 0 means ship."""


class Interval(Struct, frozen=True, kw_only=True):
    """Where the true value lies, at this level."""

    low: float
    high: float
    level: float
    """Two-sided coverage: 0.90 for one-sided bounds at alpha = 0.05."""
    method: str


class Comparison(Struct, frozen=True, kw_only=True):
    """One metric on both sides over the same samples: candidate minus baseline, in points."""

    metric: str
    n: int
    """Pairs scored on both sides."""
    n_clusters: int
    baseline_points: float | None
    candidate_points: float | None
    delta_points: float | None
    bounds: Interval | None
    """One-sided (1 − alpha) bounds, written as the two-sided 1 − 2·alpha interval. The gate uses these."""
    ci95: Interval | None
    p_value: float | None
    """Two-sided."""
    adjusted_p: float | None = None
    """Secondary metrics: the p-value adjusted for how many of them there are."""
    method: str
    is_binary: bool = False
    discordance: float | None = None
    """Share of pairs on which exactly one side is right (binary metrics)."""
    sd_points: float | None = None
    """Standard deviation of the paired differences."""
    design_effect: float | None = 1.0
    """How many of these pairs weigh as much as one independent pair, where `sd_points` is that of single pairs; at
    least 1. None: all pairs are of one cluster, and how clusters vary is not known."""
    sides95: Mapping[str, Interval] = field(default_factory=dict)
    """By role: the interval of each side's own level (binary metrics). Never to be compared with one another."""
    improved: int = 0
    worsened: int = 0
    unscored: Mapping[str, int] = field(default_factory=dict)
    """By role."""
    worst_case_points: tuple[float, float] | None = None
    """The delta if everything missing had gone against / for the candidate."""
    note: str | None = None
    """Why a number is None, in words; or a caution the reader needs (say, "constrained decoding")."""


class MustPass(Struct, frozen=True, kw_only=True):
    """What became of samples of which the candidate may fail none."""

    n: int
    """Samples that must pass."""
    failed: tuple[str, ...] = ()
    unscored: tuple[str, ...] = ()
    """Not asked, or without a score on every repeat: none of these counts as passed."""
    at_most: float | None = None
    """The share that may still fail, with one-sided confidence 1 − alpha; None unless all of them passed."""


class Guard(Struct, frozen=True, kw_only=True):
    """One guard's finding."""

    name: str
    state: GuardState
    asked: str
    """What was asked, in words: "loses at most 1.0 points"."""
    got: str
    """What was found, in words."""
    is_blocking: bool
    comparison: Comparison | None = None
    ratio: Interval | None = None
    """Latency and cost guards: candidate / baseline."""
    must_pass: MustPass | None = None
    """Zero-tolerance guards."""
    ratio_point: float | None = None
    margin: float | None = None
    n_needed: int | None = None
    """Pairs at which a harmless candidate would clear this guard with 80 % chance."""
    suite: str | None = None
    line: int | None = None


class Slice(Struct, frozen=True, kw_only=True):
    """The primary metric on a part of the data."""

    name: str
    """`column=value`"""
    comparison: Comparison
    adjusted: Interval | None = None
    """Holm-adjusted bounds."""
    state: GuardState = "held"
    contribution_points: float | None = None
    """Of the pooled difference: what would be gone had the candidate answered here as the baseline did."""


class Amount(Struct, frozen=True, kw_only=True):
    """A measured amount between one-sided bounds at the gate's alpha. `math.inf` days stand for "never"."""

    point: float
    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.low <= self.point <= self.high:
            raise ValueError(f"{self.point} does not lie between {self.low} and {self.high}")

    def times(self, factor: float) -> Self:
        """This amount scaled by a finite factor; a negative one swaps the bounds."""
        low, high = sorted((self.low * factor, self.high * factor))
        return type(self)(point=self.point * factor, low=low, high=high)

    def plus(self, constant: float) -> Self:
        """This amount moved by a constant."""
        return type(self)(point=self.point + constant, low=self.low + constant, high=self.high + constant)


class Payback(Struct, frozen=True, kw_only=True):
    """When the change has paid for itself, and whether that is soon enough for the suite."""

    asked_days: float
    days: Amount | None = None
    """None = not measured."""
    why: str = ""
    """Why it was not measured, in words."""

    @property
    def state(self) -> GuardState:
        """Held when even the late end is soon enough, regressed when even the early end is too late."""
        if self.days is None:
            return "not_measured"
        if self.days.high <= self.asked_days:
            return "held"
        return "regressed" if self.days.low > self.asked_days else "unresolved"


class SliceSummary(Struct, frozen=True, kw_only=True):
    """The slices in a few words and figures."""

    total: int
    shown: int
    """Of so many only the largest are listed."""
    judged: int
    min_n: int
    worst: str | None = None
    driver: str | None = None
    """The judged slice that contributes most beyond its share of the pairs."""
    driver_detail: str | None = None
    pooled_points: float | None = None
    """The difference in the samples' own mix."""


class Reason(Struct, frozen=True, kw_only=True):
    """Why the verdict is what it is."""

    code: str
    is_blocking: bool
    detail: str


class SideSpread(Struct, frozen=True, kw_only=True):
    """Where the spread of one side's scores comes from; standard deviations in points, None where not measured."""

    asked: int
    """How often each sample was asked."""
    between_points: float | None = None
    """Of the samples' true means."""
    within_points: float | None = None
    """Of repeats of one sample around its mean."""
    share_between: float | None = None
    """The samples' share of one answer's variance; None also where nothing varies."""
    note: str | None = None


class RepeatSpread(Struct, frozen=True, kw_only=True):
    """What repeats of the same sample show."""

    metric: str
    sides: Mapping[str, SideSpread]
    """By role."""
    twice_the_repeats: float | None
    """By how much of its width the interval of the difference narrows with twice the repeats; None where unknown."""
    twice_the_samples: float
    """The same with twice the samples."""
    note: str | None = None


class PrimaryFinding(Struct, frozen=True, kw_only=True):
    """What one of several primary metrics says by itself."""

    metric: str
    status: Status
    code: str
    detail: str


class Verdict(Struct, frozen=True, kw_only=True):
    """The decision. `ship` is impossible with an open blocking reason."""

    status: Status
    reasons: tuple[Reason, ...]
    primary: Comparison | None = None
    """Of several primary metrics the one that decides: the worst where all must pass, the best where any may."""
    primary_state: GuardState = "not_measured"
    """How the primary metric alone stands, whatever else decides; of several baselines, against the deciding one."""
    primaries: tuple[PrimaryFinding, ...] = ()
    """Each of several primary metrics; empty where there is one."""
    repeats: RepeatSpread | None = None
    """Of the primary metric; None where each sample was asked once."""
    metrics: tuple[Comparison, ...] = ()
    guards: tuple[Guard, ...] = ()
    slices: tuple[Slice, ...] = ()
    slice_summary: SliceSummary | None = None
    reuse: Reuse | None = None
    """What was known of earlier uses of these samples."""
    cautions: tuple[str, ...] = ()
    """What the reader must know beside the verdict, a sentence each."""
    payback: Payback | None = None
    """When the change has paid for itself; decides for `intent: cost`, informs otherwise."""
    mde_points: float | None = None
    """The smallest true gain these samples would show with 80 % chance."""
    n_needed: int | None = None
    """Pairs at which the gate lets what it is sized for pass four times in five; None where these are enough, or where
    no number of pairs would change the verdict."""
    advice: tuple[str, ...] = ()
    extra: Mapping[str, JsonValue] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.status == "ship" and any(r.is_blocking for r in self.reasons):
            raise ValueError("a verdict cannot be `ship` with an open blocking reason")

    @property
    def exit_code(self) -> int:
        """0 ship, 1 don't ship, 3 inconclusive, 4 invalid evidence, 5 execution failure."""
        return EXIT_CODES[self.status]
