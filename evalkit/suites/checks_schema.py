"""The shape of `checks` in suite.yaml, and the value it becomes."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from evalkit.suites.fields import OpenSection, Section, Share, Text
from evalkit.suites.side_schema import Side
from evalkit.types.hygiene import Hygiene, Task, Thresholds
from evalkit.types.hygiene import Semantic as SemanticSpec

Words = Annotated[int, Field(ge=5, le=1000)]
_OWN = frozenset({"action", "max_dirty_share", "later_training"})
_DEFAULT = Thresholds()
EMBEDDING_BACKENDS = ("openai_compatible", "local")


class Embeddings(Side):
    """The model that turns texts into vectors."""

    backend: Text = "openai_compatible"


class Semantic(Section):
    """Look for paraphrases and translations too."""

    embeddings: Embeddings
    judge: Side | None = None
    neighbours: Annotated[int, Field(ge=1, le=50)] = 5
    percentile: Annotated[float, Field(ge=50.0, lt=100.0)] = 99.0
    characters: Annotated[int, Field(ge=50, le=100_000)] = 2000

    @model_validator(mode="after")
    def _can_embed(self) -> Self:
        if self.embeddings.backend not in EMBEDDING_BACKENDS:
            raise ValueError(
                f"embeddings.backend: '{self.embeddings.backend[:60]}' gives no embeddings here | say "
                "openai_compatible (any server with /v1/embeddings) or local (a .gguf file on this machine)"
            )
        return self

    @model_validator(mode="after")
    def _can_read(self) -> Self:
        if self.judge is not None and self.judge.backend == "outputs":
            raise ValueError(
                "judge.backend: 'outputs' cannot read pairs: which are close is only known once everything is "
                "embedded, so nothing recorded answers them | name a model to ask, or leave `judge` out"
            )
        return self


class Contamination(Section):
    """What counts as trained on, and what to do about it."""

    action: Literal["fail", "clean", "warn"] = "clean"
    max_dirty_share: Share = 0.01
    later_training: Literal["warn", "fail"] = "warn"
    ngram: Words = _DEFAULT.ngram
    min_shared: Annotated[int, Field(ge=1, le=100)] = _DEFAULT.min_shared
    span_words: Words = _DEFAULT.span_words
    dirty_span: Share = _DEFAULT.dirty_span
    suspect_span: Share = _DEFAULT.suspect_span
    dirty_jaccard: Share = _DEFAULT.dirty_jaccard
    suspect_jaccard: Share = _DEFAULT.suspect_jaccard
    dirty_aligned: Share = _DEFAULT.dirty_aligned
    suspect_aligned: Share = _DEFAULT.suspect_aligned
    template_share: Share = _DEFAULT.template_share
    answer_words: Words = _DEFAULT.answer_words

    @model_validator(mode="after")
    def _suspects_before_it_is_sure(self) -> Self:
        for kind in ("span", "jaccard", "aligned"):
            dirty, suspect = getattr(self, f"dirty_{kind}"), getattr(self, f"suspect_{kind}")
            if suspect > dirty:
                raise ValueError(
                    f"suspect_{kind} ({suspect:g}) is above dirty_{kind} ({dirty:g}): what is suspect has less in "
                    f"common than what is dirty | suspect_{kind}: {_suspect(kind):g}, dirty_{kind}: {_dirty(kind):g}"
                )
        return self


class CheckEntry(OpenSection):
    """A check that an installed package brings. Keys beyond these are the check's options."""

    type: Text
    action: Literal["fail", "clean", "warn"] = "warn"


class Freshness(Section):
    """How old held-out data may be."""

    max_age_days: Annotated[float, Field(gt=0.0)] | None = None
    production: Text | None = None


class Checks(Section):
    """Looks at the data itself."""

    training_data: list[Text] = Field(default_factory=list)
    contamination: Contamination = Field(default_factory=Contamination)
    semantic: Semantic | None = None
    group_keys: list[Text] = Field(default_factory=list)
    task: Task | None = None
    freshness: Freshness | None = None
    plugins: list[CheckEntry] = Field(default_factory=list)


def _suspect(kind: str) -> float:
    return float(getattr(_DEFAULT, f"suspect_{kind}"))


def _dirty(kind: str) -> float:
    return float(getattr(_DEFAULT, f"dirty_{kind}"))


def build_hygiene(checks: Checks | None, semantic: SemanticSpec | None, *, time_column: str | None) -> Hygiene:
    """What the suite asks of its own evidence; the defaults where it says nothing."""
    if checks is None:
        return Hygiene(time_column=time_column)
    asked = checks.contamination
    return Hygiene(
        thresholds=Thresholds(**asked.model_dump(exclude=set(_OWN))),
        max_dirty_share=asked.max_dirty_share,
        later_training=asked.later_training,
        group_keys=tuple(dict.fromkeys(checks.group_keys)),
        max_age_days=None if checks.freshness is None else checks.freshness.max_age_days,
        production=None if checks.freshness is None else checks.freshness.production,
        task=checks.task,
        time_column=time_column,
        semantic=semantic,
    )
