"""A suite, logs of production and people who label them: what the tests of `evalkit refresh` share."""

import json
import random

from evalkit.jobs.refresh.clean import dedup, scrub
from evalkit.jobs.refresh.collect import Wanted, plan, sample
from evalkit.jobs.refresh.desk import opened
from evalkit.jobs.refresh.people import approve, queue, take_labels

LABELS = ("red", "green", "blue")
NOUNS = [
    "parcel",
    "refund",
    "invoice",
    "address",
    "return",
    "voucher",
    "order",
    "card",
    "account",
    "courier",
    "warehouse",
    "receipt",
]
VERBS = ["lost", "broke", "changed", "missed", "found", "opened", "paid", "sent", "got", "wrote", "kept", "sold"]
DATE = "2026-11-23"


def sentence(rng):
    return " ".join(f"{rng.choice(VERBS)} {rng.choice(NOUNS)} {rng.randrange(100)}" for _ in range(5))


class Shop:
    """suite/ with 120 samples, logs.jsonl with 300 rows (every sixth with a complaint), and a desk to refresh at."""

    def __init__(self, bench, **changes):
        self.folder = bench.folder
        self.rng = random.Random(7)  # noqa: S311 - texts, no secrets
        dataset = {"path": "samples.jsonl", "id": "id", "prompt": "ask.md.j2", "target": "label", "slices": ["part"]}
        self.suite = bench.write_suite("http://127.0.0.1:9/v1", n=3, dataset=dataset, **changes)
        self.write("suite/ask.md.j2", "Colour of: {{ text }}\n")
        self.samples = [
            {"id": f"s{i}", "text": sentence(self.rng), "label": LABELS[i % 3], "part": "ab"[i % 2]} for i in range(120)
        ]
        self.rows("suite/samples.jsonl", self.samples)
        self.production = [
            {
                "text": sentence(self.rng),
                "answer": LABELS[i % 3],
                "part": "ab"[i % 2],
                "time": f"2026-11-{1 + i % 20:02d}",
            }
            | ({"feedback": "down"} if i % 6 == 0 else {})
            for i in range(300)
        ]
        self.logs = self.rows("logs.jsonl", self.production)
        self.root = self.folder / "refresh"

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def rows(self, name, rows):
        return self.write(name, "".join(json.dumps(row) + "\n" for row in rows))

    def wanted(self, **more):
        return Wanted(**({"suite": self.suite, "logs": [self.logs], "size": 20} | more))

    def desk(self, date=DATE):
        return opened(self.root, date)

    def to_queue(self, desk, **more):
        plan(desk, self.wanted(**more), None)
        sample(desk)
        scrub(desk)
        dedup(desk)
        return queue(desk)

    def label(self, desk, items, said=lambda _item, _by: "red"):
        """Ann labels all of them, Bob those that are to be labelled twice."""
        given = [
            {"id": item["id"], "label": said(item, by), "by": by}
            for item in items
            for by in ("ann", "bob")
            if by == "ann" or item["double"]
        ]
        return take_labels(desk, self.rows("labels.jsonl", given))

    def to_approval(self, desk, **more):
        self.label(desk, self.to_queue(desk, **more))
        return approve(desk, "Cleo", "labels are all red in a test")
