"""Paraphrases of samples in the training data: everything embedded, the closest rows put to a judge.

The samples are embedded before the first row is read, the rows in blocks as they stream past; kept are the samples'
vectors and a few rows for each.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from msgspec import structs

from evalkit.errors import EntryError, ExecutionError
from evalkit.hygiene.rephrasing import items_of, rephrasing_judge, unsettled, verdict_of, with_semantic
from evalkit.hygiene.semantic import MIN_PAIRS, Nearest, Neighbour, Semantic, Vectors, threshold_of
from evalkit.jobs.judging.asking import TIMEOUT_S, ask_judge
from evalkit.jobs.running.embedding import Embedding
from evalkit.jobs.running.sides import opened
from evalkit.jobs.running.training import Onlooker, Rows, TrainingData, look_through, own_text
from evalkit.run.progress import Progress
from evalkit.suites.records import Record, Row
from evalkit.types import ModelSpec, Sample, Suite
from evalkit.types.hygiene import Semantic as Asked

BLOCK = 512
"""Training texts embedded and compared at a time."""
_TOO_FEW = (
    f"there are fewer than {MIN_PAIRS} pairs of different texts among samples of different groups, so nothing says how "
    "close unrelated texts are"
)


def refuse_unreachable(suite: Suite, asked: Asked) -> None:
    """Raises ExecutionError for a model of `checks.semantic` that would only fail after everything was asked."""
    with Embedding(asked.embeddings, _place(suite, asked, "embeddings")) as model:
        model.vectors(["Is anybody there?"])
    if asked.judge is not None:
        try:
            asyncio.run(_opened_once(rephrasing_judge(asked.judge, asked.characters, suite.path).members))
        except ExecutionError as error:
            raise _of_judge(suite, asked, error) from error


def look_closer(
    suite: Suite,
    question: Callable[[Sample], str],
    rows: Rows,
    onlookers: tuple[Onlooker, ...],
    progress: Progress | None = None,
) -> TrainingData:
    """What `look_through` finds, and besides the rows that say in other words what a sample says.

    For a suite with `checks.semantic`. Raises ExecutionError, with the place in the suite, where one of the two models
    fails; UsageError as `look_through` does.
    """
    asked = suite.hygiene.semantic
    if asked is None:
        raise ValueError("the suite does not ask for it")
    progress = progress or Progress()
    texts = {sample.id: own_text(suite, sample, question(sample)) for sample in suite.samples}
    with Embedding(asked.embeddings, _place(suite, asked, "embeddings")) as model:
        progress.on_note(f"looking for paraphrases with {asked.embeddings.model}")
        layer = Paraphrases(suite, asked, texts, model)
        found = look_through(suite, question, rows, (*onlookers, layer))
        near = layer.found()
    close = unsettled(found.contamination, near)
    verdicts: list[bool | None] = [None] * len(close)
    if close and asked.judge is not None:
        progress.on_note(f"asking {_name(asked.judge)} whether {len(close):,} close pairs are rephrasings")
        verdicts = _read(suite, asked, asked.judge, close, layer.texts, progress)
    overlap = with_semantic(found.contamination, close, verdicts, layer.facts())
    return structs.replace(found, contamination=overlap)


class Paraphrases:
    """An onlooker of the one pass over the training rows that keeps those closest in meaning to each sample."""

    def __init__(self, suite: Suite, asked: Asked, texts: Mapping[str, str], model: Embedding) -> None:
        """Embeds the samples. `texts`: sample id → its own text, empty where it has none."""
        self._asked = asked
        self._model = model
        self._cut = 0
        shown = {name: self._shown(text) for name, text in texts.items()}
        self.texts = {name: text for name, (text, _) in shown.items()}
        self._block: list[tuple[str, str, bool]] = []
        self._threshold: float | None = None
        self._nearest: Nearest | None = None
        names = [name for name, text in self.texts.items() if text]
        if len(names) > 1:
            groups = {sample.id: sample.cluster or sample.id for sample in suite.samples}
            held = self._vectors([shown[name] for name in names])
            self._threshold = threshold_of(held, [groups[name] for name in names], asked.percentile)
            if self._threshold is not None:
                self._nearest = Nearest(names, held, self._threshold, asked.neighbours)

    def take(self, row: Row, record: Record) -> None:
        """Adds what a row asks, or where it asks nothing what it says, to the block, and looks at a full one."""
        if self._nearest is None:
            return
        for text in dict.fromkeys(record.inputs or record.outputs):
            shown, is_cut = self._shown(text)
            if shown:
                self._block.append((row.where, shown, is_cut))
        if len(self._block) >= BLOCK:
            self._look()

    def found(self) -> Sequence[Neighbour]:
        """The rows that are close, sample by sample, once all were taken."""
        self._look()
        return () if self._nearest is None else self._nearest.found()

    def facts(self) -> Semantic:
        """How it was looked, for the record."""
        asked = self._asked
        return Semantic(
            model=_name(asked.embeddings),
            judge=None if asked.judge is None else _name(asked.judge),
            neighbours=asked.neighbours,
            percentile=asked.percentile,
            threshold=None if self._threshold is None else round(self._threshold, 4),
            cut=self._cut,
            unseen=sum(not text for text in self.texts.values()),
            note=_TOO_FEW if self._threshold is None else None,
        )

    def _look(self) -> None:
        if self._nearest is not None and self._block:
            places, texts = [place for place, _, _ in self._block], [text for _, text, _ in self._block]
            self._nearest.take(self._vectors([(text, is_cut) for _, text, is_cut in self._block]), places, texts)
            self._block = []

    def _vectors(self, shown: Sequence[tuple[str, bool]]) -> Vectors:
        """The vectors of texts, each with whether it was cut. Counts those that were, here or for the model."""
        found = self._model.embedded([text for text, _ in shown])
        self._cut += sum(was_cut or is_cut for (_, was_cut), is_cut in zip(shown, found.is_cut, strict=True))
        return found.vectors

    def _shown(self, text: str) -> tuple[str, bool]:
        """(what is looked at of a text, whether that is only its beginning)."""
        whole = text.strip()
        return whole[: self._asked.characters].rstrip(), len(whole) > self._asked.characters


def _read(  # noqa: PLR0917 - a pair, and everything needed to ask about it
    suite: Suite,
    asked: Asked,
    judge: ModelSpec,
    close: Sequence[Neighbour],
    texts: Mapping[str, str],
    progress: Progress,
) -> list[bool | None]:
    """What the judge says of each pair. Raises ExecutionError where it cannot be reached or hardly replies."""
    items = items_of(close, texts)
    try:
        judged = ask_judge(rephrasing_judge(judge, asked.characters, suite.path), items, progress)
    except ExecutionError as error:
        raise _of_judge(suite, asked, error) from error
    grades = judged.grades(judged.judgments)
    return [verdict_of(grades[item.id]) for item in items]


async def _opened_once(members: Mapping[str, ModelSpec]) -> None:
    async with opened(members, TIMEOUT_S, Progress()):
        pass


def _of_judge(suite: Suite, asked: Asked, error: ExecutionError) -> ExecutionError:
    key = f".{error.key}" if isinstance(error, EntryError) else ""
    return ExecutionError(f"{_place(suite, asked, 'judge')}{key}: {error}")


def _place(suite: Suite, asked: Asked, key: str) -> str:
    return f"{suite.path}:{asked.line}: checks.semantic.{key}"


def _name(model: ModelSpec) -> str:
    """What a reader calls the model: no path of this machine."""
    told = model.model or (model.path.name if model.path else model.backend)
    return told.rsplit("/", 1)[-1] if told.startswith("/") else told
