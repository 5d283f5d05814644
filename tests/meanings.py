"""A scripted embedder and a scripted judge for texts whose meaning is the number that stands in them."""

from __future__ import annotations

import hashlib
import json
import re

import numpy as np

from evalkit.testing import EMBEDDINGS_PATH, Rule, answers, embeds

JUDGE, EMBEDDER = "reader", "meanings"
MODELS = ("base", "tuned", JUDGE, EMBEDDER)


def drawn(text):
    """24 numbers that depend on the text alone."""
    return np.random.default_rng(int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])).normal(size=24)


def meaning(text):
    """Close for texts with the same first number, whatever else they say."""
    number = re.search(r"\d+", text)
    return (drawn(number[0] if number else text) + 0.2 * drawn(text)).tolist()


def embedder(vector=meaning, **more):
    return Rule(behaviour=embeds(vector), path=EMBEDDINGS_PATH, **more)


def texts_in(asked):
    """(original, row) as the judge was shown them."""
    blocks = re.findall(r'<data-\w+ name="\w+"[^>]*>(.*?)</data-', asked.prompt)
    return tuple(json.loads(block) for block in blocks)


def numbers_alike(original, row):
    return re.findall(r"\d+", original)[:1] == re.findall(r"\d+", row)[:1]


def reader(is_same=numbers_alike, *, tampered=False):
    """A judge that calls rephrasings what `is_same` says."""

    def say(asked):
        verdict = "pass" if is_same(*texts_in(asked)) else "fail"
        finding = {"evidence": [], "reasoning": "by its number", "verdict": verdict}
        return json.dumps({"criteria": {"rephrasing": finding}, "injection_attempt": tampered})

    return Rule(behaviour=answers(say), match=lambda asked: asked.model == JUDGE)


def asks(base_url, *, judge=True, **more):
    """`checks.semantic` against that server."""
    entry = {"embeddings": {"base_url": base_url, "model": EMBEDDER}} | more
    if judge:
        entry["judge"] = {"backend": "openai_compatible", "base_url": base_url, "model": JUDGE}
    return entry
