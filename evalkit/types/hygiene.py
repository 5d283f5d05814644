"""What counts as trained on, and how old samples may be: `checks:` of suite.yaml as a value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct, field

from evalkit.types.side import ModelSpec

Task = Literal["style", "format", "vocabulary", "classification", "instructions", "preference"]


class Thresholds(Struct, frozen=True, kw_only=True):
    """When a held-out text and a training text have too much in common. Shares are of the held-out text's words."""

    ngram: int = 13
    """Words in a row found in both that make a sample dirty (GPT-3: Brown et al. 2020, appendix C)."""
    min_shared: int = 3
    """Shared runs of five words that make a pair worth a closer look."""
    span_words: int = 8
    """The shortest run of words that counts as a span."""
    dirty_span: float = 0.5
    suspect_span: float = 0.2
    """How much of a text one span makes up (the longest match; Singh et al. 2024, arXiv:2411.03923)."""
    dirty_jaccard: float = 0.8
    suspect_jaccard: float = 0.6
    """Runs of three words in both, of those in either."""
    dirty_aligned: float = 0.8
    suspect_aligned: float = 0.5
    """Words found in the same order, whatever stands between."""
    template_share: float = 0.01
    """A run of words in more than this share of training rows, and in several samples, is a template."""
    answer_words: int = 8
    """A reference answer of at least so many words that stands in a training output makes a sample suspect."""


class Semantic(Struct, frozen=True, kw_only=True):
    """Which models look for training rows that say the same as a sample in other words."""

    embeddings: ModelSpec
    """Turns texts into vectors."""
    judge: ModelSpec | None = None
    """Reads what is close; None: nobody does."""
    neighbours: int = 5
    """Training rows looked at for each sample."""
    percentile: float = 99.0
    """Of the similarities between samples of different groups: what lies above is close."""
    characters: int = 2000
    """How much of a text is looked at."""
    line: int | None = None
    """Where it stands in suite.yaml."""


class Hygiene(Struct, frozen=True, kw_only=True):
    """What the suite asks of its own evidence besides `contamination.action`."""

    thresholds: Thresholds = field(default_factory=Thresholds)
    max_dirty_share: float = 0.01
    """Share of near-copies that `action: fail` still takes; of exact copies it takes none."""
    later_training: Literal["warn", "fail"] = "warn"
    """What training rows mean that are as young as the samples, or younger."""
    group_keys: tuple[str, ...] = ()
    """Columns whose values may not stand on both sides."""
    max_age_days: float | None = None
    production: str | None = None
    """Path or pattern of the logs that `evalkit rot` reads where it is told of no others."""
    task: Task | None = None
    """What the fine-tune is for; None: guessed."""
    time_column: str | None = None
    """`dataset.time`."""
    semantic: Semantic | None = None
    """None: paraphrases and translations are not looked for."""
    lines: Mapping[str, int] = field(default_factory=dict)
    """Where keys stand in suite.yaml."""
