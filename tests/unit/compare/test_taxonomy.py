"""Wrong answers by kind, and what is said of most of them."""

from types import SimpleNamespace

import pytest

from evalkit.compare.findings import Findings
from evalkit.compare.taxonomy import LEVERS, Reading, counted
from evalkit.jobs.running.kinds import with_failures
from evalkit.metrics.registry import build
from evalkit.types import MetricSpec, Sample

READING = Reading(primary="exact", types={"exact": "exact_match", "form": "json_schema", "short": "length", "f": "f1"})


def row(text, *, flip="broken", status="ok", finish="stop", score=0.0, target="red", **scores):
    found = {"exact": score} | scores
    return {
        "target": target,
        "flip": flip,
        "baseline": {"status": "ok", "text": "red", "finish": "stop"},
        "candidate": {"status": status, "text": text, "finish": finish},
        "scores": {name: {"baseline": 1.0, "candidate": value} for name, value in found.items()},
    }


@pytest.mark.parametrize(
    ("found", "kind"),
    [
        (row("red", score=1.0), None),
        (row("", status="failed", score=None), None),
        (row("a long st", finish="length"), "truncated"),
        (row("", status="refused", score=None), "refusal"),
        (row("I'm sorry, but I cannot help with that."), "refusal"),
        (row("colour: red", target={"colour": "red"}), "unparseable"),
        (row("  "), "unparseable"),
        (row('{"colour": 3}', target={"colour": "red"}, form=0.0), "schema"),
        (row("blue, and on and on", short=0.0), "behaviour"),
        (row("blue", short=1.0, form=1.0, f=0.0), "label"),
        (row("blue", short=1.0, form=1.0, f=1.0), "knowledge"),
    ],
)
def test_each_kind(found, kind):
    assert READING.kind(found, "candidate") == kind
    assert READING.kind(found, "baseline") is None


def test_the_lever_is_that_of_what_the_candidate_broke():
    rows = [row("blue", flip="both_wrong")] * 9 + [row("I cannot help with that.")] * 2 + [row("blue")]
    found = counted(rows, READING)
    assert found["candidate"] == {"refusal": 2, "knowledge": 10}
    assert found["broken"] == {"refusal": 2, "knowledge": 1}
    assert found["baseline"] == {}
    assert found["lever"] == f"Of 3 samples the candidate broke, 2 are failures of refusal: {LEVERS['refusal']}."
    assert counted([row("red", score=1.0)], READING)["lever"] is None


def test_a_dont_ship_says_what_to_do_next_and_a_ship_does_not():
    suite = SimpleNamespace(
        metrics=[SimpleNamespace(name="exact", type="exact_match")],
        gate=SimpleNamespace(primary=SimpleNamespace(metric="exact")),
        samples=[SimpleNamespace(target="red")],
    )
    for verdict, n in (("dont_ship", 2), ("ship", 1)):
        found = with_failures({"verdict": verdict, "advice": ["first"]}, suite, [row("blue")])
        assert found["advice"][0] == "first"
        assert len(found["advice"]) == n
        assert found["failures"]["broken"] == {"knowledge": 1}


@pytest.mark.parametrize("score", [None, 0.45])
def test_what_nobody_scored_or_is_right_in_part_is_no_lack_of_knowledge(score):
    assert READING.kind(row("blue", score=score), "candidate") is None
    assert counted([row("blue", score=score)], READING)["lever"] is None
    assert READING.kind(row("I cannot help with that.", score=score), "candidate") == "refusal"


def test_the_lever_counts_what_was_broken_and_not_what_has_a_kind():
    found = counted([row("blue", score=0.5)] * 9 + [row("I cannot help with that.", score=0.1)], READING)
    assert found["lever"].startswith("Of 10 samples the candidate broke, 1 is a failure of refusal")


def test_the_lever_of_one_failure_is_told_in_the_singular():
    assert counted([row("blue")], READING)["lever"].startswith("The one sample the candidate broke is a failure of kn")
    cut = counted([row("a long st", finish="length")], READING)["lever"]
    assert cut.startswith("The one sample the candidate broke is a failure of length (cut at max_tokens): raise")


def test_where_targets_are_a_few_labels_a_wrong_answer_is_a_wrong_label():
    reading = Reading(primary="exact", types={"exact": "exact_match"}, has_labels=True)
    assert reading.kind(row("blue"), "candidate") == "label"
    assert reading.kind(row("blue", score=0.5), "candidate") is None
    assert READING.kind(row("blue", short=1.0, form=1.0, f=1.0), "candidate") == "knowledge"


def test_what_can_be_read_from_what_was_asked_is_no_lack_of_knowledge():
    reading = Reading(primary="exact", types={"exact": "fields"}, has_given=True)
    assert reading.kind(row("Bob"), "candidate") == "task"
    assert reading.kind(row("Bob", score=0.6), "candidate") == "task"
    assert reading.kind(row("Bob", score=None), "candidate") is None
    assert "retrieval adds nothing" in counted([row("Bob")], reading)["lever"]


def test_a_wrong_call_is_behaviour_and_no_lack_of_knowledge():
    reading = Reading(primary="exact", types={"exact": "tool_call"})
    assert reading.kind(row('{"name": "no_such_tool"}', target=[{"name": "add"}]), "candidate") == "behaviour"


def _run_of(metric, rows):
    suite = SimpleNamespace(
        metrics=[SimpleNamespace(name="exact", type=metric)],
        gate=SimpleNamespace(primary=SimpleNamespace(metric="exact")),
        samples=[SimpleNamespace(target=found["target"]) for found in rows],
    )
    return with_failures({"verdict": "dont_ship", "advice": []}, suite, rows)


@pytest.mark.parametrize(
    ("metric", "asked", "target", "kind"),
    [
        ("fields", "Ada Byron paid 12 euros.", {"who": "Ada Byron", "sum": "12 euros", "when": None}, "task"),
        ("fields", "Who wrote Ulysses?", {"author": "Joyce", "year": 1922}, "knowledge"),
        ("sql", "Lessons of each teacher.", "SELECT teacher FROM lessons", "task"),
        ("exact_match", "What is the capital of France?", "Paris", "knowledge"),
    ],
)
def test_the_verdict_says_whether_targets_were_given(metric, asked, target, kind):
    rows = [row('{"who": "Bob"}', target=target) | {"input": asked}]
    found = _run_of(metric, rows)
    assert found["failures"]["candidate"] == {kind: 1}
    assert found["failures"]["given_targets"] is (kind == "task")
    assert ("RAG" in found["advice"][0]) is (kind == "knowledge")


CHATTY = 'Sure! Here it is: {"colour": "red"} Anything else?'


@pytest.mark.parametrize(
    ("extract", "text", "kind"),
    [
        ("strict", CHATTY, "unparseable"),
        ("strict", '```json\n{"colour": "red"}\n```', "unparseable"),
        ("strict", "red", "unparseable"),
        ("strict", '{"colour": 3}', "schema"),
        ("strict", '{"colour": "blue"}', "knowledge"),
        ("fenced", CHATTY.replace("red", "blue"), "knowledge"),
        ("fenced", CHATTY.replace('"red"', "3"), "schema"),
        ("fenced", "red", "unparseable"),
    ],
)
def test_json_among_words_is_counted_once(extract, text, kind):
    """What the schema counts as no JSON alone is a failure of form and of no other kind, where it alone is read."""
    schema = {"properties": {"colour": {"type": "string"}}}
    target = {"colour": "red"}
    specs = [("exact", "exact_match", {}), ("form", "json_schema", {"schema": schema})]
    found = row(text, target=target)
    for name, type_, options in specs:
        spec = MetricSpec(name=name, type=type_, field=None, line=1, options=options | {"extract": extract})
        score = build(spec, ()).score(text, Sample(id="s", fields={}, target=target))
        found["scores"][name] = {"baseline": 1.0, "candidate": score.value, "candidate_evidence": dict(score.evidence)}
    assert READING.kind(found, "candidate") == kind
    findings = Findings(READING.types)
    list(findings.watching([found]))
    listed = {one["finding"]: one["candidate"] for one in findings.told()}
    n_unread = listed["JSON inside of a fence or other text"] + listed["no JSON that can be read"]
    assert n_unread == int(kind == "unparseable" or extract == "fenced")


@pytest.mark.parametrize(
    ("why", "scores", "kind"),
    [
        ("no number: about 7", {}, "unparseable"),
        ("has no 'colour'", {}, "unparseable"),
        ("has no 'colour'", {"form": 0.0}, "schema"),
        (None, {}, "knowledge"),
    ],
)
def test_what_the_primary_metric_cannot_read_is_no_lack_of_knowledge(why, scores, kind):
    found = row("about 7", **scores)
    found["scores"]["exact"]["candidate_evidence"] = {"unreadable": why} if why else {"predicted": 7}
    assert READING.kind(found, "candidate") == kind


@pytest.mark.parametrize(("text", "kind"), [('{"label": "no"}', "label"), ("no", "unparseable"), ("{}", "unparseable")])
def test_a_label_that_cannot_be_read_is_no_wrong_label(text, kind):
    samples = [Sample(id=str(i), fields={}, target=label) for i, label in enumerate(("yes", "no"))]
    metric = build(MetricSpec(name="f", type="f1", field="label", line=1), samples)
    score = metric.score(text, samples[0])
    found = row(text, target="yes")
    found["scores"] = {"f": {"candidate": score.value, "candidate_evidence": dict(score.evidence)}}
    assert Reading(primary="f", types={"f": "f1"}, has_labels=True).kind(found, "candidate") == kind
