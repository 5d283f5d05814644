"""`checks.semantic` beside the other layers, with texts of any length, and how much of it stands in the last line."""

import itertools
import json
import re
from collections import defaultdict

import numpy as np
import pytest
from bench import label_of
from meanings import MODELS, asks, embedder
from msgspec import structs

from evalkit.jobs.check import question_of
from evalkit.jobs.running.checks import checked
from evalkit.jobs.running.run import load_all
from evalkit.jobs.running.training import own_text
from evalkit.suites.records import LABEL_CHARS
from evalkit.testing import ScriptedServer

N = 30
OTHER = [{"prompt": f"tram {i} stops at the harbour", "completion": "red"} for i in range(1000, 1040)]
ANSWER = "the lamp of customer 3 was brought on a rainy day by a tall friendly carrier with a hat"
LEARNED = {"prompt": "unrelated 7777 thing", "completion": ANSWER}
RETOLD = [{"prompt": f"Wo bleibt denn die Sendung von Kundin 3, Fall {w}?", "completion": "red"} for w in "abcd"]


def question(i):
    return f"customer {i} wants to know when the ordered lamp will be brought"


@pytest.fixture
def look(bench, monkeypatch):
    """What the checks of a run find and leave of these samples: `look(samples, rows, vector=…)`."""
    monkeypatch.setenv("EVALKIT_HOME", str(bench.folder / ".evalkit"))

    def looked(samples, rows, *, has_semantic=True, rule=None, **changes):
        with ScriptedServer([rule or embedder()], models=MODELS) as server:
            checks = {"training_data": ["train.jsonl"]}
            if has_semantic:
                checks["semantic"] = asks(server.base_url, judge=False)
            path = bench.write_suite(server.base_url, n=len(samples), checks=checks, **changes)
            for name, lines in (("samples", samples), ("train", rows)):
                (path.parent / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
            suite = load_all(path).main
            return checked(suite, question_of(suite))

    return looked


@pytest.mark.parametrize("has_semantic", [False, True])
def test_rows_that_nobody_read_push_out_no_answer_that_was_trained_on(look, has_semantic):
    samples = [{"id": f"s{i:04d}", "text": question(i), "label": ANSWER if i == 3 else label_of(i)} for i in range(N)]
    state = look(samples, [*OTHER, LEARNED, *RETOLD], has_semantic=has_semantic)
    assert "s0003" not in {sample.id for sample in state.suite.samples}
    first = next(one for one in state.contamination["evidence"] if one["id"] == "s0003")
    assert first["layer"] == "answer"


WORDING = (
    "You are a careful support agent who reads the ticket below and says refund, lost or other. Ticket: {{ text }}"
)
DATASET = {"path": "samples.jsonl", "id": "id", "prompt": WORDING, "target": "label"}


def bag():
    """Texts are alike as far as they share words: one number for each word that was ever seen."""
    places = defaultdict(itertools.count().__next__)

    def counted(text):
        return np.bincount([places[word] for word in re.findall(r"\w+", text.lower())], minlength=1000).tolist()

    return counted


def words(i, n):
    return " ".join(f"w{i}x{k}" for k in range(n))


def test_short_samples_are_held_against_each_other_without_the_wording_they_share(look):
    samples = [{"id": f"s{i:04d}", "text": words(i, 2 if i < 6 else 9), "label": label_of(i)} for i in range(N)]
    assert all((len(one["text"]) <= LABEL_CHARS) == (i < 6) for i, one in enumerate(samples))
    near = {"prompt": " ".join(reversed([*words(20, 9).split()[:5], "so", "to", "say"])), "completion": "red"}
    found = look(samples, [*OTHER, near], rule=embedder(bag()), dataset=DATASET).contamination
    assert found["semantic"]["threshold"] < 0.3
    assert [one["id"] for one in found["evidence"]] == ["s0020"]


@pytest.mark.parametrize(
    ("fields", "sent", "own"),
    [
        ({"text": "Where is it?"}, "Answer in one word. Where is it?", "Where is it?"),
        ({"text": "Where is it?", "lang": "en"}, "Say when you sent it. Where is it?", "Where is it?"),
        ({"text": "Wo?", "page": "a page of text about a town"}, "a page of text about a town\nWo?", "Wo?\n{page}"),
        ({"text": "どこ?"}, "一言で答えて。どこ?", "どこ?"),
        ({"text": "a text with <b>marks</b> in it", "lang": "en"}, "in en: a text with &lt;b&gt;…", "{text}\nen"),
        ({"note": "x"}, "What is 3 + 4?", "What is 3 + 4?"),
        ({"text": "!?"}, "Answer in one word. !?", "Answer in one word. !?"),
        ({"label": "red", "part": "a"}, "Is a red one red?", "Is a red one red?"),
    ],
)
def test_what_a_sample_says_for_itself(bench, fields, sent, own):
    dataset = {"path": "samples.jsonl", "id": "id", "prompt": "{{ text }}", "target": "label", "slices": ["part"]}
    suite = load_all(bench.write_suite("http://127.0.0.1:9/v1", dataset=dataset)).main
    sample = structs.replace(suite.samples[0], fields=fields)
    assert own_text(suite, sample, sent) == own.format(**fields)
