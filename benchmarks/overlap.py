"""How well and how fast training rows are held against held-out samples; writes the table of docs/hygiene.md.

python benchmarks/overlap.py                                  quick: 2,000 samples, 20,000 rows
python benchmarks/overlap.py --samples 10000 --rows 1000000   the large one: 1 GB is written under the temp folder
python benchmarks/overlap.py --rows 100000 --datasketch       beside datasketch's MinHashLSH
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import random
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from evalkit.hygiene.contamination import TrainingRow, find_overlap
from evalkit.hygiene.index import Index, Item
from evalkit.hygiene.words import plain
from evalkit.types.hygiene import Thresholds

KINDS = (
    "exact",
    "case and punctuation",
    "reordered",
    "13 words",
    "inside a longer text",
    "5 % of words changed",
    "10 % of words changed",
    "20 % of words changed",
    "35 % of words changed",
)
VOCABULARY = 30_000


class Writer:
    """Texts with word frequencies as in Zipf's law, and stock phrases that unrelated texts share."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)  # noqa: S311 - made-up texts
        numbers = np.random.default_rng(seed)
        letters = "etaoinshrdlucmfwypvbgkjqxz"
        self.words = [
            "".join(self.draw.choice(letters) for _ in range(self.draw.randint(2, 11))) for _ in range(VOCABULARY)
        ]
        weights = 1.0 / (np.arange(VOCABULARY) + 2.7)
        self.cumulated = np.cumsum(weights / weights.sum())
        self.numbers = numbers
        self.stock = [self._drawn(self.draw.randint(4, 9)) for _ in range(300)]

    def _drawn(self, n: int) -> list[str]:
        return [self.words[i] for i in np.searchsorted(self.cumulated, self.numbers.random(n)).clip(0, VOCABULARY - 1)]

    def text(self, low: int = 60, high: int = 140) -> list[str]:
        """60 to 140 words; one text in four holds a stock phrase."""
        words = self._drawn(self.draw.randint(low, high))
        if self.draw.random() < 0.25:
            at = self.draw.randrange(len(words))
            words[at:at] = self.draw.choice(self.stock)
        return words

    def planted(self, words: list[str], kind: str) -> str:
        """`words` as training data would hold them."""
        match kind:
            case "exact":
                return " ".join(words)
            case "case and punctuation":
                return ", ".join(words).upper() + "!"
            case "reordered":
                size = -(-len(words) // 4)
                parts = [words[i : i + size] for i in range(0, len(words), size)]
                return " ".join(word for part in reversed(parts) for word in part)
            case "13 words":
                at = self.draw.randrange(len(words) - 13)
                return " ".join([*self.text(), *words[at : at + 13], *self.text(20, 40)])
            case "inside a longer text":
                return " ".join([*self.text(200, 300), *words, *self.text(200, 300)])
            case _:
                share = int(kind.split(maxsplit=1)[0]) / 100
                changed = set(self.draw.sample(range(len(words)), round(share * len(words))))
                fresh = iter(self._drawn(len(words)))
                return " ".join(next(fresh) if i in changed else word for i, word in enumerate(words))


def write(folder: Path, samples: int, rows: int) -> tuple[list[str], Path, dict[int, tuple[int, str]]]:
    """(held-out texts, the training file, row → (sample, kind) of what was planted): nearly half are planted."""
    writer = Writer(7)
    held_out = [writer.text() for _ in range(samples)]
    chosen = writer.draw.sample(range(samples), int(0.45 * samples))
    rows_of = writer.draw.sample(range(rows), len(chosen))
    plants = {row: (sample, KINDS[i % len(KINDS)]) for i, (row, sample) in enumerate(zip(rows_of, chosen, strict=True))}
    file = folder / "train.jsonl"
    with file.open("w", encoding="ascii") as out:
        for number in range(rows):
            plant = plants.get(number)
            text = " ".join(writer.text()) if plant is None else writer.planted(held_out[plant[0]], plant[1])
            out.write(json.dumps({"text": text}) + "\n")
    return [" ".join(words) for words in held_out], file, plants


def read(file: Path) -> Iterator[tuple[int, str]]:
    """(row number, text) of each row."""
    with file.open("rb") as lines:
        for number, line in enumerate(lines):
            yield number, json.loads(line)["text"]


Took = tuple[float, float]
"""(wall seconds, CPU seconds)"""


def clock() -> Took:
    """Where both clocks stand."""
    return time.perf_counter(), time.process_time()


def since(started: Took) -> Took:
    """What has passed."""
    now = clock()
    return now[0] - started[0], now[1] - started[1]


def ours(held_out: list[str], file: Path) -> tuple[Took, dict[tuple[int, int], str]]:
    """(time from the index to the last verified pair, (row, sample) → state); reading the file is part of it."""
    started = clock()
    index = Index.of(Item(str(i), "question", text) for i, text in enumerate(held_out))
    rows = (TrainingRow(str(number), (text,)) for number, text in read(file))
    found = find_overlap(index, rows, Thresholds())
    took = since(started)
    return took, {(int(e.where), int(s)): e.state for s, several in found.evidence.items() for e in several}


def minhash(held_out: list[str], file: Path) -> tuple[Took, dict[tuple[int, int], str]]:
    """The same from datasketch: 128 permutations, runs of three words, J >= 0.4, without any verification."""
    from datasketch import MinHash, MinHashLSH  # type: ignore[import-not-found]  # noqa: PLC0415 - optional

    def sketch(text: str) -> object:
        words = plain(text).decode().split()
        made = MinHash(num_perm=128)
        made.update_batch([" ".join(words[i : i + 3]).encode() for i in range(len(words) - 2)])
        return made

    started = clock()
    lsh = MinHashLSH(threshold=0.4, num_perm=128)
    for i, text in enumerate(held_out):
        lsh.insert(i, sketch(text))
    pairs = {(number, sample): "near" for number, text in read(file) for sample in lsh.query(sketch(text))}
    return since(started), pairs


def told(name: str, took: Took, pairs: dict[tuple[int, int], str], plants: dict[int, tuple[int, str]]) -> list[str]:
    """The rows of the table for one method."""
    real = {(row, sample): kind for row, (sample, kind) in plants.items()}
    recall = {
        kind: sum(pair in pairs for pair, k in real.items() if k == kind)
        / max(1, sum(k == kind for k in real.values()))
        for kind in KINDS
    }
    precision = sum(pair in real for pair in pairs) / max(1, len(pairs))
    return [name, f"{took[0]:.1f}", f"{took[1]:.1f}", f"{precision:.4f}", *(f"{recall[kind]:.3f}" for kind in KINDS)]


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=2_000)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--datasketch", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        held_out, file, plants = write(Path(folder), asked.samples, asked.rows)
        size = file.stat().st_size / 1e6
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        took, pairs = ours(held_out, file)
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        lines = [told("evalkit", took, pairs, plants)]
        if asked.datasketch:
            took, pairs = minhash(held_out, file)
            lines.append(told(f"datasketch {importlib.metadata.version('datasketch')}", took, pairs, plants))
    print(f"{asked.samples:,} samples, {asked.rows:,} rows ({size:,.0f} MB), Python {sys.version.split()[0]};", end=" ")
    print(f"peak memory {after:,.0f} MB ({before:,.0f} MB before the scan)\n")
    print("| " + " | ".join(("method", "wall s", "CPU s", "precision", *KINDS)) + " |")
    print("|" + "---|" * (4 + len(KINDS)))
    for line in lines:
        print("| " + " | ".join(line) + " |")


if __name__ == "__main__":
    main()
