"""The models of `checks.semantic` in suite.yaml, built as any side's are."""

from __future__ import annotations

from msgspec import structs

from evalkit.suites.checks_schema import Semantic
from evalkit.suites.diagnostics import dotted
from evalkit.suites.shape import Parts
from evalkit.suites.side_schema import Side
from evalkit.suites.sides import Workshop, build_side
from evalkit.suites.yaml_source import Loc
from evalkit.types import Generation, ModelSpec
from evalkit.types.hygiene import Semantic as SemanticSpec

JUDGE_TOKENS = 900
"""For the reply of a judge whose entry does not say."""
_LOC: Loc = ("checks", "semantic")
_NOT_ASKED = ("system", "prompt", "messages", "fewshot")
_NO_WORDS = (*_NOT_ASKED, "generation", "adapter", "price")


def build_semantic(asked: Semantic | None, shop: Workshop) -> SemanticSpec | None:
    """What the suite asks for, or None where it asks for nothing or findings were added."""
    if asked is None:
        return None
    embedder = _model("embeddings", asked.embeddings, _NO_WORDS, shop)
    judge = None if asked.judge is None else _model("judge", asked.judge, _NOT_ASKED, shop)
    if embedder is None or (asked.judge is not None and judge is None):
        return None
    return SemanticSpec(
        embeddings=embedder,
        judge=judge,
        neighbours=asked.neighbours,
        percentile=asked.percentile,
        characters=asked.characters,
        line=shop.findings.source.line_of(_LOC),
    )


def _model(key: str, entry: Side, refused: tuple[str, ...], shop: Workshop) -> ModelSpec | None:
    """One of the two models, or None after adding findings."""
    loc: Loc = (*_LOC, key)
    for name in refused:
        if name in entry.model_fields_set:
            what = "is asked in evalkit's own words" if key == "judge" else "turns texts into vectors, nothing else"
            message = f"unknown key '{dotted((*loc, name))}': this model {what}"
            shop.findings.at((*loc, name), message, help="leave it out", on_key=True)
    # Neither the suite's prompt nor its decoding is this model's: it is built as if it stood alone.
    built = build_side(key, entry, structs.replace(shop, parts=Parts(document={})), loc)
    if built is None:
        return None
    asked = entry.generation
    own = {} if asked is None else {name: getattr(asked, name) for name in asked.model_fields_set - {"response_schema"}}
    return structs.replace(built.spec, generation=Generation(**{"max_tokens": JUDGE_TOKENS} | own))
