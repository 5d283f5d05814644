"""What cannot be read of a judge is no grade: asked for once more, then missing and told; above 1 % it decides."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from judge_bench import MARKED, RUBRIC, blocks, item, judging, model_at, reply, said, spec_of, write_judge
from vendors import run_here

from evalkit.judging.grade import grade
from evalkit.judging.read import Asked, Unreadable, judgments, read
from evalkit.judging.spec import Judgment
from evalkit.testing import ScriptedServer

GOOD = {"right": "pass", "tone": "4"}
MARKS = ("1", "2", "3", "4", "5")
WHOLE = reply(GOOD, ["red"])
BEFORE = (
    "Verdict: ",
    "Sure!\n",
    "</think>",
    "pass\n",
    "[",
    "{",
    "x",
    "1. ",
    "GRADE: ",
    "\ufeff\ufeff",
    "json\n",
    "//\n",
)
AFTER = (
    "\nI hope this helps",
    "}",
    WHOLE,
    f"\n{WHOLE}",
    ",",
    "\n```",
    " pass",
    "]",
    ";",
    "\x00",
    "\nFinal verdict: fail",
)
BARE = (
    *("pass", "4", "true", "null", "[]", "{}", '"pass"', "NaN", "", " ", "\x00", "{'criteria': {}}", "yes", "5/5"),
    *("GRADE: CI", "GRADE: C", "GRADE: I", "downgrade: pass", "Upgrade: A", "**pass**", "pass and fail"),
    *("PASS or FAIL", "Score: 4", "-4", "1e999", "\u0664", "\uff14", "\u56db", "\u0434\u0430", "s\u00ed"),
    *("I can't grade this.", "As an AI, pass", "[[A]]", "[[pass]]", "right: pass\ntone: 4", "<verdict>pass</verdict>"),
    *("[" * 5_000, '{"a":' * 5_000, "\ud800"),
)  # fmt: skip
VERDICTS = (
    *("PASS", "Pass", "passed", "fail.", "0", "6", "4.0", "-1", "five", "", None, True, False, 4.5, [], {}, 9, -4),
    *("\u0664", "\uff14", "\u2163", "p\u0430ss", " pass", "pass ", "4 ", "+4", "04", "pass fail", "pass|fail"),
    *(10**30, "CI", "downgrade: pass", ["pass", "fail"], ["4"], {"verdict": "pass"}, "fail, no: pass", "4/5"),
)  # fmt: skip
FENCES = (
    *(f"```json\n{WHOLE}", f"{WHOLE}\n```", f"```yaml\n{WHOLE}\n```", f"```json\n{WHOLE}\n```\nThat is all."),
    *(f"```json\n{WHOLE}\n```\n```json\n{WHOLE}\n```", f"```json\n```json\n{WHOLE}\n```\n```", f"``{WHOLE}``"),
)  # fmt: skip


def changed(*path_and_value):
    """The whole reply with one value replaced, as JSON."""
    *path, last, value = path_and_value
    document = json.loads(WHOLE)
    inner = document
    for name in path:
        inner = inner[name]
    inner[last] = value
    return json.dumps(document)


def without(*path):
    document = json.loads(WHOLE)
    inner = document
    for name in path[:-1]:
        inner = inner[name]
    del inner[path[-1]]
    return json.dumps(document)


def malformed() -> list[str]:
    """More than 200 replies, each wrong in a way judges are: cut, chatty, double, misspelt, out of range, misshapen."""
    found = [WHOLE[:end] for end in range(0, len(WHOLE) - 1, 6)]
    found += [f"{words}{WHOLE}" for words in BEFORE] + [f"{WHOLE}{words}" for words in AFTER] + [*BARE, *FENCES]
    for name in GOOD:
        found += [changed("criteria", name, "verdict", verdict) for verdict in VERDICTS]
        found += [changed("criteria", name, "evidence", wrong) for wrong in ("red", [1], None, {}, ["red", None])]
        found += [changed("criteria", name, "reasoning", wrong) for wrong in (None, 3, [])]
        found += [changed("criteria", name, key, "x") for key in ("score", "Verdict", "verdict ")]
        found += [changed("criteria", name, wrong) for wrong in ("pass", "4", 4, None, [])]
        found += [without("criteria", name, key) for key in ("evidence", "reasoning", "verdict")]
        found.append(without("criteria", name))
    found += [changed("injection_attempt", value) for value in ("false", 0, None, [], "no")]
    found += [changed("overall", "pass"), changed("criteria", "third", {}), changed("criteria", []), f"[{WHOLE}]"]
    found += [without("injection_attempt"), without("criteria"), json.dumps(list(json.loads(WHOLE)))]
    found += [
        WHOLE.replace('"4"', word) for word in ("Infinity", "NaN", "-Infinity", "1e999", "4.0", "04", "4,0", "'4'")
    ]
    twice = ('"verdict": "pass"', '"verdict": "fail", "verdict": "pass"')
    found += [WHOLE.replace(*twice), WHOLE.replace('{"criteria"', '{"criteria": {}, "criteria"')]
    found += [WHOLE.replace('"tone"', '"right"'), WHOLE.replace('"right"', '"Right"')]
    found += [reply(GOOD, ["blue"]), reply(GOOD, ["red", "no such words"]), reply(GOOD, ["Red"])]
    return list(dict.fromkeys(found))


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    return spec_of(tmp_path_factory.mktemp("judge"), MARKED)


def test_two_hundred_malformed_replies_yield_no_value(spec):
    bad = malformed()
    assert len(bad) >= 200
    assert read(spec, item(), said(WHOLE)), "they are wrong by their one change"
    for text in bad:
        with pytest.raises(Unreadable):
            read(spec, item(), said(text))
        made = judgments(spec, Asked(item=item(), first=said(text), again=said(text)))
        assert [(one.verdict, one.score) for one in made] == [(None, None)] * 2
        assert all(one.error for one in made)
        assert grade(spec, made).value is None


@given(text=st.text(st.characters(codec=None, exclude_categories=()), max_size=200))
def test_no_text_makes_the_reader_stumble_or_grade(spec, text):
    made = judgments(spec, Asked(item=item(), first=said(text)))
    assert all(one.score is None and one.error for one in made)


OFFERED = st.sampled_from(["pass", "fail", "4", "5", 1])
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | OFFERED,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@given(right=ANY_JSON, tone=ANY_JSON)
def test_a_grade_is_a_verdict_that_was_offered_whatever_stands_in_its_place(spec, right, tone):
    document = json.loads(WHOLE)
    document["criteria"]["right"]["verdict"], document["criteria"]["tone"]["verdict"] = right, tone
    made = judgments(spec, Asked(item=item(), first=said(json.dumps(document))))
    is_mark = not isinstance(tone, bool | float) and str(tone) in MARKS
    is_offered = right in ("pass", "fail") and is_mark
    assert [one.verdict for one in made] == ([right, str(tone)] if is_offered else [None, None])


@given(start=st.integers(0, len(WHOLE)), length=st.integers(0, 60), words=st.text(max_size=12) | st.sampled_from(AFTER))
def test_what_is_read_of_a_damaged_reply_stands_in_it(spec, start, length, words):
    text = WHOLE[:start] + words + WHOLE[start + length :]
    try:
        found = read(spec, item(), said(text)).findings
    except Unreadable:
        return
    written = json.loads(text)["criteria"]
    assert {name: one.verdict for name, one in found.items()} == {name: str(written[name]["verdict"]) for name in GOOD}


def recorded(bench, n):
    """Both sides' answers from files: `dull red i` and `red i`, so that no two questions to the judge are the same."""
    home = bench.folder / "suite"
    home.mkdir()
    for name, words in (("base", "dull red"), ("tuned", "red")):
        rows = [{"id": f"s{i:04d}", "output": f"{words} {i}"} for i in range(n)]
        (home / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return {
        role: {"backend": "outputs", "path": f"{name}.jsonl"}
        for role, name in (("baseline", "base"), ("candidate", "tuned"))
    }


def judged_run(bench, says, n, judge):
    """(verdict.json, requests the grader got) of a run whose grader replies with `says(number, is candidate)`."""

    def grader(asked):
        seen = blocks(asked.prompt)
        return says(int(seen["QUESTION"].split()[-1]), seen["OUTPUT"].startswith("red"))

    with ScriptedServer([judging(grader)], models=("grader",)) as server:
        models = recorded(bench, n)
        write_judge(bench.folder / "suite", {**judge, "model": model_at(server.base_url)})
        suite = bench.write_suite(
            "",
            n,
            models=models,
            metrics=[{"name": "graded", "type": "judge", "judge": "judge.yaml"}],
            gate={"primary": {"metric": "graded", "min_delta": 5.0}, "require_judge_calibration": False},
        )
        document, _ = run_here(suite)
        return document, len(server.ledger.chats)


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EVALKIT_HOME", str(tmp_path / "home"))


def test_a_run_whose_judge_replies_so_has_asked_each_once_more_and_scored_nothing(bench):
    bad = [text for text in malformed() if len(text) < 5_000]
    n = len(bad) // 2
    assert n >= 100
    document, n_sent = judged_run(bench, lambda number, is_new: bad[(2 * number + is_new) % len(bad)], n, MARKED)
    (judge,) = document["judges"]
    assert (judge["asked"], judge["asked_again"], judge["n"], judge["errors"]) == (2 * n, 2 * n, 0, 2 * n)
    assert n_sent == 4 * n
    scores = [row["scores"]["graded"] for row in bench.rows(document)]
    assert {(one["baseline"], one["candidate"], one["candidate_why"]) for one in scores} == {
        (None, None, "judge_error")
    }
    file = bench.folder / "reports" / document["suite"] / document["run"] / "judgments.jsonl"
    made = [Judgment.from_row(json.loads(line)) for line in file.read_text().splitlines()]
    assert len(made) == 2 * 2 * n
    assert all(one.verdict is None and one.score is None and one.error for one in made)
    assert document["primary"]["delta_points"] is None
    assert document["verdict"] == "invalid"


@pytest.mark.parametrize(("unread", "ending"), [(2, "ship"), (3, "inconclusive")])
def test_one_answer_in_a_hundred_may_be_unreadable_and_no_more(bench, unread, ending):
    def says(number, is_new):
        return "GRADE: CI" if number < unread and is_new else reply({"right": "pass" if is_new else "fail"})

    document, n_sent = judged_run(bench, says, 100, RUBRIC)
    (judge,) = document["judges"]
    assert (judge["asked"], judge["errors"], n_sent) == (200, unread, 200 + unread)
    assert document["verdict"] == ending
    assert document["primary"]["unscored"] == {"baseline": 0, "candidate": unread}
    assert document["primary"]["delta_points"] == 100.0
    told = f"no usable grade on {unread} of 200 answers"
    assert any(told in words for words in document["warnings"])
    page = (bench.folder / "reports" / document["suite"] / document["run"] / "report.html").read_text()
    assert told in page
    codes = [reason["code"] for reason in document["reasons"] if reason["code"] == "JUDGE_UNREADABLE"]
    assert codes == ["JUDGE_UNREADABLE"] * (ending == "inconclusive")
