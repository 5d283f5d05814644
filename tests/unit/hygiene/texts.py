"""Made-up texts with plants, drawn the same each time."""

from __future__ import annotations

import random

VOCABULARY = [f"{a}{b}{c}" for a in "bdfgklmnprst" for b in ("a", "e", "i", "o", "u", "ai") for c in "bdglmnrstxz"]


def texts(n: int, seed: int, low: int = 60, high: int = 120) -> list[list[str]]:
    draw = random.Random(seed)  # noqa: S311 - made-up texts
    return [draw.choices(VOCABULARY, k=draw.randint(low, high)) for _ in range(n)]


def edited(words: list[str], share: float, seed: int) -> str:
    draw = random.Random(seed)  # noqa: S311 - made-up texts
    changed = set(draw.sample(range(len(words)), round(share * len(words))))
    return " ".join(draw.choice(VOCABULARY) if i in changed else word for i, word in enumerate(words))
