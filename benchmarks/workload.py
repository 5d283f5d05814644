"""What is asked: texts with the word frequencies of real ones, eight labels, and two models that differ.

The models live in the mock server, which works out every answer from the sample's number and the model's name:
`base` is right on about 80 % of the samples and `tuned` on about 90 %. Standard library only, so that any
interpreter can run the server.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

LABELS = ("billing", "delivery", "refund", "account", "warranty", "technical", "feedback", "other")
SHARE_RIGHT = {"base": 0.80, "tuned": 0.90}
SIDES = {"baseline": "base", "candidate": "tuned"}
PROMPT_WORDS = 80
VOCABULARY = 4_000
SHARE_429, SHARE_500 = 0.05, 0.02
RETRY_AFTER_S = 1


def share(*parts: object) -> float:
    """A number in [0, 1) that depends on `parts` alone and is independent for different ones."""
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def label_of(number: int) -> str:
    """The right answer to the sample of that number."""
    return LABELS[int(share("label", number) * len(LABELS))]


def answer_of(model: str, number: int) -> str:
    """What `model` says about the sample: its label, or, as often as the model is wrong, another one."""
    right = LABELS.index(label_of(number))
    if share("right", model, number) < SHARE_RIGHT.get(model, 0.5):
        return LABELS[right]
    step = 1 + int(share("wrong", model, number) * (len(LABELS) - 1))
    return LABELS[(right + step) % len(LABELS)]


def fault_of(model: str, number: int, attempt: int) -> int:
    """The HTTP status of that attempt (0 = the first): 429 for 5 %, 500 for 2 %, else 200."""
    drawn = share("fault", model, number, attempt)
    if drawn < SHARE_429:
        return 429
    return 500 if drawn < SHARE_429 + SHARE_500 else 200


class Texts:
    """Words drawn from a vocabulary of some thousands by Zipf's law: no text is easier to pack than real ones."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - data for a benchmark
        syllables = [c + v for c, v in itertools.product("bdfghklmnprstvw", ("a", "e", "i", "o", "u", "ai"))]
        words: set[str] = set()
        while len(words) < VOCABULARY:
            words.add("".join(self._random.choices(syllables, k=self._random.choice((2, 2, 3, 3, 4, 4)))))
        # Frequent words are mostly short ones (Zipf 1935): 5.6 bytes a word and blank here, about 5.7 in English.
        self._words = sorted(sorted(words), key=lambda word: len(word) + 6.0 * self._random.random())
        self._weights = list(itertools.accumulate(1.0 / rank for rank in range(1, VOCABULARY + 1)))

    def text(self, words: int) -> str:
        """That many words."""
        return " ".join(self._random.choices(self._words, cum_weights=self._weights, k=words))


def prompt_of(texts: Texts, number: int) -> str:
    """About eighty words that end in the sample's number, by which the mock server knows it."""
    question = f"Which one fits: {', '.join(LABELS)}? Message #{number:07d}"
    return f"{texts.text(PROMPT_WORDS - len(question.split()))}. {question}"


def write_samples(path: Path, count: int) -> Path:
    """`{"id", "text", "label"}` a line."""
    texts = Texts(seed=1)
    rows = ({"id": f"{n:07d}", "text": prompt_of(texts, n), "label": label_of(n)} for n in range(count))
    _write_lines(path, rows)
    return path


def write_suite(folder: Path, base_url: str, count: int, *, concurrency: int) -> Path:
    """A suite of `count` samples that asks `base` and `tuned` behind `base_url`; JSON is YAML, too."""
    folder.mkdir(parents=True, exist_ok=True)
    samples = folder / "samples.jsonl"
    if not samples.exists():
        write_samples(samples, count)
    models = {
        role: {"backend": "openai_compatible", "base_url": base_url, "model": model} for role, model in SIDES.items()
    }
    metrics = [
        {"name": "exact", "type": "exact_match"},
        {"name": "label_f1", "type": "f1", "average": "macro"},
    ]
    return _write(folder, models, metrics, {"run": {"concurrency": concurrency, "timeout_s": 60}})


def write_recorded(folder: Path, count: int) -> Path:
    """The same samples with the answers recorded: nothing is asked, all is scored, compared and reported."""
    folder.mkdir(parents=True, exist_ok=True)
    write_samples(folder / "samples.jsonl", count)
    for model in SIDES.values():
        rows = ({"id": f"{number:07d}", "output": answer_of(model, number)} for number in range(count))
        _write_lines(folder / f"{model}.jsonl", rows)
    models = {role: {"backend": "outputs", "path": f"{model}.jsonl"} for role, model in SIDES.items()}
    return _write(folder, models, [{"name": "label_f1", "type": "f1", "average": "macro"}], {})


def write_texts(folder: Path, count: int, words: int) -> Path:
    """Inputs of that many words and recorded answers as long on both sides, each a label and free text."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = Texts(seed=2)
    rows = (
        {"id": f"{n:05d}", "text": texts.text(words), "label": {"label": label_of(n)}, "part": "abcd"[n % 4]}
        for n in range(count)
    )
    _write_lines(folder / "samples.jsonl", rows)
    for model in SIDES.values():
        answers = ({"label": answer_of(model, n), "why": texts.text(words - 3)} for n in range(count))
        _write_lines(
            folder / f"{model}.jsonl", ({"id": f"{n:05d}", "output": json.dumps(a)} for n, a in enumerate(answers))
        )
    models = {role: {"backend": "outputs", "path": f"{model}.jsonl"} for role, model in SIDES.items()}
    return _write(folder, models, [{"name": "exact", "type": "exact_match", "field": "label"}], {"slices": ["part"]})


def compare_command(suite: Path) -> list[str]:
    """Arguments with which evalkit decides from the answers recorded beside the suite."""
    return ["compare", *(str(suite.with_name(f"{model}.jsonl")) for model in SIDES.values()), "--suite", str(suite)]


def _write_lines(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def _write(folder: Path, models: dict[str, Any], metrics: list[dict[str, Any]], more: dict[str, Any]) -> Path:
    dataset = {"path": "samples.jsonl", "id": "id", "prompt": "{{ text }}", "target": "label"}
    if "slices" in more:
        dataset["slices"] = more.pop("slices")
    document = {
        "version": 1,
        "name": "benchmark",
        "dataset": dataset,
        "models": models,
        "generation": {"temperature": 0, "max_tokens": 16},
        "metrics": metrics,
        "gate": {"primary": {"metric": metrics[0]["name"], "min_delta": 5.0}},
        **more,
    }
    path = folder / "suite.yaml"
    path.write_text(json.dumps(document, indent=1), encoding="utf-8")
    return path
