"""The judge that reads a held-out text beside a training row, and says whether one rephrases the other.

It is asked as every judge is: both texts fenced as data, a reply held to a schema, one more try for a reply that
cannot be read.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from msgspec import structs

from evalkit.hygiene.contamination import Contamination, Evidence, strongest
from evalkit.hygiene.semantic import Neighbour, Semantic
from evalkit.hygiene.verify import State
from evalkit.judging.grade import Grade
from evalkit.judging.seal import judge_hash
from evalkit.judging.spec import JUDGE, Criterion, InputLimits, Item, JudgeSpec
from evalkit.judging.wording import reply_schema
from evalkit.types import ModelSpec

_CRITERIA = (
    Criterion(
        id="rephrasing",
        question="Is OUTPUT a rephrasing or a translation of ORIGINAL?",
        pass_text=(  # noqa: S106 - what passes, no password
            "Whoever has learned what to answer to OUTPUT knows what to answer to ORIGINAL: it asks or says the same "
            "about the same things, in other words, another order or another language. Greetings, instructions around "
            "it and small additions do not matter."
        ),
        fail_text=(
            "It is about the same subject or of the same kind, but about other people, things, numbers or facts, or it "
            "asks for something else. Two reviews, tickets or questions with a topic in common are no rephrasings."
        ),
    ),
)
_SYSTEM = (
    "ORIGINAL is a text of a test set and OUTPUT a text of training data. You do not judge how good either is, only "
    "whether they say the same. Quote from OUTPUT alone."
)
_NAME_DIGITS = 24
_NO_BOUNDS = frozenset({"openai", "anthropic"})
"""Backends whose constrained decoding takes no `maxLength`."""


def rephrasing_judge(model: ModelSpec, characters: int, path: Path) -> JudgeSpec:
    """The judge, asked through `model`. `path`: the suite's file, beside which it would keep what it keeps."""
    schema = reply_schema(_CRITERIA, is_bounded=model.backend not in _NO_BOUNDS)
    member = structs.replace(
        model, role=JUDGE, generation=structs.replace(model.generation, response_schema=schema, repeats=1)
    )
    spec = JudgeSpec(
        id="rephrasing",
        model=member,
        inputs=("original", "output"),
        limits=InputLimits(output_chars=characters),
        criteria=_CRITERIA,
        system=_SYSTEM,
        path=path,
        is_bundled=True,
    )
    return structs.replace(spec, judge_hash=judge_hash(spec))


def items_of(close: Sequence[Neighbour], texts: Mapping[str, str]) -> list[Item]:
    """A question for each neighbour, in order, named by what it asks. `texts`: sample → its own text."""
    return [
        Item(id=_name(texts[one.sample], one.text), inputs={"original": texts[one.sample]}, output=one.text)
        for one in close
    ]


def verdict_of(grade: Grade) -> bool | None:
    """Yes, no, or None for a reply that could not be read, and for a no to a text that tries to bring one about."""
    if grade.value is None or (grade.injection_attempt and not grade.value):
        return None
    return grade.value > 0.0


def unsettled(found: Contamination, close: Iterable[Neighbour]) -> list[Neighbour]:
    """Those about samples that are not dirty already: reading them could change something."""
    dirty = found.named("dirty")
    return [one for one in close if one.sample not in dirty]


def with_semantic(
    found: Contamination, close: Sequence[Neighbour], verdicts: Sequence[bool | None], facts: Semantic
) -> Contamination:
    """What was found, and the close rows: dirty where the judge said yes, nothing where it said no, else suspect.

    `verdicts`: of each of `close`; all None where nobody read them.
    """
    evidence = dict(found.evidence)
    for one, verdict in zip(close, verdicts, strict=True):
        if verdict is not False:
            state: State = "dirty" if verdict else "suspect"
            more = Evidence(where=one.where, layer="semantic", state=state, score=one.score)
            evidence[one.sample] = strongest((*evidence.get(one.sample, ()), more))
    names = {True: "yes", False: "no", None: "unreadable"}
    facts = structs.replace(
        facts,
        close=len({one.sample for one in close}),
        pairs=len(close),
        verdicts={} if facts.judge is None else Counter(names[verdict] for verdict in verdicts),
    )
    return structs.replace(found, evidence=evidence, semantic=facts)


def _name(original: str, text: str) -> str:
    """The same for the same pair wherever it stands: a second look is answered from the cache."""
    data = json.dumps([original, text]).encode("ascii")
    return hashlib.sha256(data).hexdigest()[:_NAME_DIGITS]
