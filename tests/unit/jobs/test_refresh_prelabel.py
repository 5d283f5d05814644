"""A judge before people: what it does not pass is suggested to nobody, and a fifth sees no suggestion at all."""

import json

import pytest
from judge_verbs_bench import grader, write_judge
from refresh_desk import Shop

from evalkit.cli.app import execute
from evalkit.errors import UsageError
from evalkit.jobs.refresh.people import queue, state
from evalkit.jobs.refresh.prelabel import prelabel
from evalkit.run.progress import Progress

RUBRIC = {"mode": "rubric", "inputs": ["question", "output"]}


@pytest.fixture
def shop(bench, monkeypatch):
    monkeypatch.chdir(bench.folder)
    monkeypatch.setenv("EVALKIT_HOME", str(bench.folder / ".evalkit"))
    return Shop(bench)


def passes_red(shown):
    return "pass" if shown["OUTPUT"] == "red" else "fail"


def test_only_what_the_judge_passes_is_suggested_and_only_where_that_may_be_seen(shop, capsys):
    with shop.desk() as desk:
        shop.to_queue(desk)
        answered = {row["id"]: row["answered"] for row in desk.rows("deduped.jsonl")}
    with grader(passes_red) as server:
        path = write_judge(shop.folder, server.base_url, **RUBRIC)
        assert execute(["refresh", "label", "--prelabel", str(path)]) == 0
        n = sum(answer == "red" for answer in answered.values())
        assert f"passed {n} of {len(answered)} logged answers" in capsys.readouterr().err
        asked = len(server.ledger.chats)
        assert asked == len(answered)
        assert execute(["refresh", "label", "--prelabel", str(path)]) == 0
        assert len(server.ledger.chats) == asked  # the same questions are not paid for twice
    with shop.desk() as desk:
        items = desk.rows("queue.jsonl")
        assert 0 < n < len(items)
        for item in items:
            is_seen = answered[item["id"]] == "red" and not item["blind"]
            assert item["suggested"] == ("red" if is_seen else None)
        assert sum(item["blind"] for item in items) == 4
        assert {row["passed"] for row in desk.rows("prelabels.jsonl")} == {True, False}


def test_whether_people_follow_is_asked_of_what_the_judge_passed_alone(shop):
    with shop.desk() as desk, grader(passes_red) as server:
        shop.to_queue(desk)
        prelabel(desk, str(write_judge(shop.folder, server.base_url, **RUBRIC)), Progress())
        shop.label(desk, queue(desk))  # all of them red
        found = state(desk)
    # Of what it held back, all of it green and blue, not one label would have followed.
    assert found.followed_shown == 1.0
    assert found.followed_blind in {1.0, None}


def test_an_answer_the_judge_cannot_grade_is_not_suggested(shop):
    with shop.desk() as desk, grader(lambda _shown: "perhaps") as server:
        items = shop.to_queue(desk)
        rows = prelabel(desk, str(write_judge(shop.folder, server.base_url, **RUBRIC)), Progress())
        assert {row["passed"] for row in rows} == {None}
        assert [item["suggested"] for item in queue(desk)] == [None] * len(items)


@pytest.mark.parametrize("mode", ["reference", "pairwise"])
def test_a_judge_that_compares_has_nothing_to_compare_with(shop, mode):
    changes = {"criteria": [{"id": "better", "question": "Which?"}], "inputs": ["question", "output"]}
    path = write_judge(shop.folder, "http://127.0.0.1:9/v1", mode=mode, **(changes if mode == "pairwise" else {}))
    with shop.desk() as desk:
        shop.to_queue(desk)
        with pytest.raises(UsageError, match=f"has mode: {mode}"):
            prelabel(desk, str(path), Progress())


def test_logs_without_answers_and_queues_people_have_begun_are_told(shop):
    path = str(write_judge(shop.folder, "http://127.0.0.1:9/v1", **RUBRIC))
    with shop.desk("2026-11-20") as desk:
        shop.label(desk, shop.to_queue(desk))
        with pytest.raises(UsageError, match="people have begun"):
            prelabel(desk, path, Progress())
    shop.rows("logs.jsonl", [{key: row[key] for key in ("text", "part")} for row in shop.production])
    with shop.desk() as desk:
        shop.to_queue(desk)
        with pytest.raises(UsageError, match="the logs hold no answers"):
            prelabel(desk, path, Progress())
        assert json.loads(desk.content("plan.json"))["suite_name"] == "colours"
