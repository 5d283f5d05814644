"""`checks.semantic` beside the other layers, with texts of any length, and how much of it stands in the last line."""

import json

import pytest
from bench import label_of
from meanings import MODELS, asks, embedder

from evalkit.jobs.check import question_of
from evalkit.jobs.running.checks import checked
from evalkit.jobs.running.run import load_all
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
