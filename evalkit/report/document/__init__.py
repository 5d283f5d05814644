"""verdict.json: the one document every rendering is made from. Numbers are rounded here, once.

The document is a list of blocks. A block is a function from a run's facts to the keys it adds; a new one is a module
in this folder and a line in BLOCKS. No two blocks write the same key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from evalkit.report.document.baselines import baselines_block
from evalkit.report.document.distributions import distributions_block
from evalkit.report.document.evidence import checks_block, evidence_block
from evalkit.report.document.facts import Compared, RunFacts
from evalkit.report.document.figures import comparison_document
from evalkit.report.document.gate import gate_block
from evalkit.report.document.secondary import secondary_block

__all__ = ["BLOCKS", "SCHEMA", "Compared", "RunFacts", "comparison_document", "verdict_document"]

SCHEMA = "evalkit.verdict/1"

Block = Callable[[RunFacts], Mapping[str, Any]]


def _head(facts: RunFacts) -> Mapping[str, Any]:
    return {
        "schema": SCHEMA,
        "suite": facts.suite.name,
        "description": facts.suite.description,
        "suite_file": facts.suite_file,
        "run": facts.run,
        "created": facts.created,
    }


BLOCKS: tuple[Block, ...] = (
    _head,
    gate_block,
    secondary_block,
    evidence_block,
    distributions_block,
    checks_block,
    baselines_block,
)


def verdict_document(facts: RunFacts) -> dict[str, Any]:
    """The document, ready for `json.dumps(allow_nan=False)`."""
    document: dict[str, Any] = {}
    for block in BLOCKS:
        document |= block(facts)
    return document
