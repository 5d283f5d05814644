"""A judge as data, what it is asked about, and what it finds: the nouns of this room. No I/O."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from msgspec import Struct, field, structs

from evalkit.types import ModelSpec, Usage

Mode = Literal["rubric", "reference", "pairwise"]
Kind = Literal["pass_fail", "preference"]
Order = Literal["ab", "ba"]
"""Of a pair: whether the judged answer was shown first (ab) or second (ba)."""

JUDGE = "judge"
"""The role of a judge's first model; further members of a panel are `judge 2`, `judge 3` …"""
PASS, FAIL = "pass", "fail"
FIRST, SECOND, TIE = "first", "second", "tie"
RETEST_SHARE = 0.10
"""Share of answers that a judge is asked about twice where its file does not say."""


class Criterion(Struct, frozen=True, kw_only=True):
    """One question of a rubric."""

    id: str
    weight: float = 1.0
    scale: Kind | tuple[int, int] = "pass_fail"
    """pass_fail, the two ends of an anchored scale, or (pairwise judges) preference."""
    question: str
    pass_text: str = ""
    """When it passes, in words."""
    fail_text: str = ""
    anchors: Mapping[int, str] = field(default_factory=dict)
    """What a mark on the scale stands for, its two ends at least."""

    @property
    def verdicts(self) -> tuple[str, ...]:
        """The words a judge may answer with.

        >>> Criterion(id="tone", scale=(1, 3), question="?").verdicts
        ('1', '2', '3')
        """
        if self.scale == "pass_fail":
            return (PASS, FAIL)
        if self.scale == "preference":
            return (FIRST, SECOND, TIE)
        low, high = self.scale
        return tuple(str(mark) for mark in range(low, high + 1))

    def share(self, verdict: str) -> float:
        """What a verdict is worth, from 0 to 1; of a preference, to the answer that was shown first.

        Raises ValueError for a word that is none of `verdicts`.

        >>> Criterion(id="tone", scale=(1, 5), question="?").share("4")
        0.75
        """
        if verdict not in self.verdicts:
            raise ValueError(f"{verdict!r} is no verdict on {self.id}")
        if isinstance(self.scale, tuple):
            low, high = self.scale
            return (int(verdict) - low) / (high - low)
        return {PASS: 1.0, FAIL: 0.0, FIRST: 1.0, SECOND: 0.0, TIE: 0.5}[verdict]


class InputLimits(Struct, frozen=True, kw_only=True):
    """How much of a text a judge is shown."""

    output_chars: int = 8000
    """Of the judged answer, and of every other input."""
    on_truncate: Literal["mark", "unscored"] = "mark"
    """Tell the judge that the rest is left out, or do not judge such an answer."""


class CalibrationSpec(Struct, frozen=True, kw_only=True):
    """Labels of people, and how well a judge has to agree with them before a gate may rest on it."""

    labels: Path | None = None
    """JSON lines {item_id, rater_id, criterion, verdict, role}."""
    min_items: int = 100
    min_per_class: int = 30
    agreement: Literal["gwet_ac1", "cohen_kappa", "krippendorff_alpha"] = "gwet_ac1"
    min_agreement: float = 0.60
    max_gap_to_human_human: float = 0.10
    min_sensitivity: float = 0.80
    min_specificity: float = 0.80
    max_age_days: float = 90.0


class ProbeSpec(Struct, frozen=True, kw_only=True):
    """What a judge has to show under probing; shares of probes."""

    identity_tie_min: float = 0.95
    swap_consistency_min: float = 0.80
    first_position_max_dev: float = 0.05
    length_pad_max_gain: float = 0.03
    style_max_gain: float = 0.05
    master_key_max_pass: float = 0.01
    injection_max_flip: float = 0.01
    corrupted_ref_min_detect: float = 0.90
    retest_flip_max: float = 0.05
    self_preference_max_win: float = 0.60


class JudgeSpec(Struct, frozen=True, kw_only=True):
    """A judge, read, checked and frozen. Built by `evalkit.judging.load`."""

    id: str
    version: str = "1"
    description: str = ""
    mode: Mode = "rubric"
    model: ModelSpec
    """Its generation has the judge's temperature, max_tokens and seed, the votes as repeats, and the reply's schema."""
    panel: tuple[ModelSpec, ...] = ()
    """Further models that grade the same; the majority decides."""
    votes: int = 1
    """How often each model is asked about each answer; the median counts."""
    retest: float = RETEST_SHARE
    """Share of a run's answers that it is asked about a second time, past any cache: does it say the same?"""
    forbid_families: tuple[str, ...] = ("candidate",)
    """Whose family of models the judge must not come from: candidate, teacher."""
    teacher: str | None = None
    """The model that wrote the training data, where the suite says so."""
    inputs: tuple[str, ...] = ("question", "output")
    """What the judge is shown, in this order. Never the name of a model."""
    limits: InputLimits = field(default_factory=InputLimits)
    criteria: tuple[Criterion, ...]
    aggregate: Literal["weighted_mean"] = "weighted_mean"
    hard_fail: tuple[str, ...] = ()
    """Criteria an answer must pass (or score above the scale's low end): failing one of them makes the score 0."""
    system: str | None = None
    """What the judge is told besides the rubric and the rules; None: nothing."""
    is_constrained: bool = True
    """The engine is asked to hold the reply to its JSON Schema, where it can."""
    calibration: CalibrationSpec | None = None
    """None: the judge names no labels."""
    probes: ProbeSpec = field(default_factory=ProbeSpec)
    path: Path
    """Its file; a calibration lies beside it."""
    is_bundled: bool = False
    judge_hash: str = ""
    """sha256 over everything that can move a grade: rubric, models, decoding, wording. See `evalkit.judging.sealed`."""

    @property
    def members(self) -> dict[str, ModelSpec]:
        """Every model that grades, by role."""
        return {spec.role: spec for spec in (self.model, *self.panel)}

    def criterion(self, name: str) -> Criterion:
        """The criterion of this id. Raises KeyError for one that there is not."""
        found = next((one for one in self.criteria if one.id == name), None)
        if found is None:
            raise KeyError(name)
        return found


class Item(Struct, frozen=True, kw_only=True, eq=False):
    """One thing to judge: an answer, or (pairwise) an answer beside another one. Says nothing of whose it is."""

    id: str
    inputs: Mapping[str, str | None]
    """By name, what is shown besides the output: question, context, reference …; None: the sample has none."""
    output: str
    other: str | None = None
    """Pairwise: the answer it is compared with."""
    order: Order = "ab"

    def swapped(self) -> Self:
        """The same pair shown the other way round."""
        return structs.replace(self, order="ba" if self.order == "ab" else "ab")


class Judgment(Struct, frozen=True, kw_only=True):
    """What one model found at one vote about one criterion of one item: a verdict, or why there is none."""

    item_id: str
    role: str
    """Whose answer it was; known to evalkit alone, never to the judge. Empty: not yet attributed."""
    judge_hash: str
    member: str = JUDGE
    """Which model of the panel."""
    criterion: str
    verdict: str | None = None
    score: float | None = None
    """0 to 1; of a pair, what it is worth to the judged answer whichever place it was shown at."""
    evidence: tuple[str, ...] = ()
    """Quotes, as the judge gave them."""
    evidence_ok: bool | None = None
    """Every quote stands in the judged text; None: there is no reply to look at."""
    reasoning: str = ""
    injection_attempt: bool = False
    """The judge saw the text try to influence its grade."""
    order: Order | None = None
    """Pairwise judges only."""
    vote: int = 0
    usage: Usage = field(default_factory=Usage)
    """Of the whole reply, which covers all criteria of the item."""
    error: str | None = None
    """Why there is no verdict, in words; such a judgment is missing evidence, never a zero."""

    def __post_init__(self) -> None:
        if (self.score is None) != (self.verdict is None) or (self.error is None) == (self.verdict is None):
            raise ValueError("a judgment has a verdict and a score, or an error")
        if self.score is not None and not (math.isfinite(self.score) and 0.0 <= self.score <= 1.0):
            raise ValueError(f"{self.score!r} is no share of full marks")

    def as_row(self) -> dict[str, Any]:
        """The judgment as a line of judgments.jsonl."""
        row = {name: getattr(self, name) for name in Judgment.__struct_fields__ if name != "usage"}
        tokens = {"input_tokens": self.usage.input_tokens, "output_tokens": self.usage.output_tokens}
        return row | {"evidence": list(self.evidence)} | tokens

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """The judgment a line of judgments.jsonl holds. Raises ValueError or TypeError for what is none."""
        known = {name: row[name] for name in cls.__struct_fields__ if name != "usage" and name in row}
        usage = Usage(input_tokens=row.get("input_tokens"), output_tokens=row.get("output_tokens"))
        return cls(**known | {"evidence": tuple(row.get("evidence", ())), "usage": usage})
