"""However often a run is broken off, each question has one row and the totals are those of the answers kept.

A kill may hit an answer between the server and the journal. It is asked for again, and its tokens count once, as
those of the answer that was kept; what the lost one cost is in the server's own count only.
"""

import json
import random
import shlex
import sqlite3

import pytest
from bench import Bench, label_of, number_in, side
from warm import warm

from evalkit.testing import ScriptedServer, answers

__all__ = ["warm"]  # a fixture

SAMPLES, CONCURRENCY, BREAKS = 120, 4, 20
SIDES = ("baseline", "candidate")


def wordy(right_from):
    """Answers right from a number on, with 0 to 6 blanks and full stops behind: answers of different lengths."""

    def say(asked):
        index = number_in(asked)
        return label_of(index if index >= right_from else index + 1) + " ." * (index % 7)

    return say


def chat_server(delay_s):
    sides = {"base": wordy(60), "tuned": wordy(0)}
    return ScriptedServer([side(name, answers(say, delay_s=delay_s)) for name, say in sides.items()])


def long_suite(bench, server):
    """Questions of different lengths; the answers' full stops do not matter."""
    metric = {"name": "exact", "type": "exact_match", "normalize": ["punctuation", "strip"]}
    suite = bench.write_suite(server.base_url, SAMPLES, metrics=[metric], run={"concurrency": CONCURRENCY})
    rows = [
        {"id": f"s{i:04d}", "text": f"{'item ' * (1 + i % 5)}{i}", "label": label_of(i), "part": "ab"[i % 2]}
        for i in range(SAMPLES)
    ]
    (suite.parent / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return suite


def tokens_kept(ledger):
    """Words of every question that was answered, and of its answer, counted once each, from the server's ledger."""
    found = {"base": [0, 0], "tuned": [0, 0]}
    # By question and not by body: the probe at the start puts one of the run's questions with another limit.
    for model, messages in {(entry.model, entry.messages) for entry in ledger.chats if entry.is_completed}:
        found[model][0] += len(messages[0][1].split())
        found[model][1] += 1 + int(messages[0][1].rsplit(" ", 1)[1]) % 7
    return found


def journaled(bench):
    (path,) = bench.folder.glob(".evalkit/runs/*/journal.sqlite")
    with sqlite3.connect(path) as connection:
        found = connection.execute("SELECT suite, role, sample_id, repeat FROM outcomes").fetchall()
    connection.close()
    return found


@pytest.fixture
def unbroken(warm, tmp_path_factory):
    bench = Bench(tmp_path_factory.mktemp("unbroken"))
    with chat_server(0.0) as server:
        child = warm.start(bench.folder, "run", long_suite(bench, server), "--no-cache", "--json")
        assert child.wait() == 0, child.err
    return json.loads(child.out)


def test_twenty_breaks_leave_one_row_a_question_and_the_servers_own_totals(bench, warm, unbroken):
    rng = random.Random(6)  # noqa: S311 - chooses where and how to break off
    with chat_server(0.003) as server:
        ledger = server.ledger
        command = ["run", str(long_suite(bench, server)), "--no-cache", "--json"]
        names = ["SIGKILL", "SIGINT"] * (BREAKS // 2)
        rng.shuffle(names)
        for name in names:
            at = ledger.completed + rng.randint(4, 9)
            child = warm.start(bench.folder, *command)
            assert ledger.wait_for(lambda seen, at=at: seen.completed >= at), child.err
            child.send(name)
            assert child.wait() == (130 if name == "SIGINT" else -9), child.err
            command = ["run", *command[1:4], "--resume"]
            if name == "SIGINT":
                assert command[:-1] == shlex.split(child.err.rsplit("to go on: evalkit ", 1)[1])[:-2]
        child = warm.start(bench.folder, *command)
        assert child.wait() == 0, child.err
        document = json.loads(child.out)
        sends = ledger.sends()
    # Only a kill loses what was in flight, and no more than that.
    assert sum(sends.values()) - len(sends) <= names.count("SIGKILL") * CONCURRENCY
    rows = journaled(bench)
    assert len(rows) == len(set(rows)) == 2 * SAMPLES
    ids = [row["id"] for row in bench.rows(document)]
    assert len(ids) == len(set(ids)) == SAMPLES
    told = {
        role: [cost["input_tokens"], cost["output_tokens"]] for role, cost in document["cost"].items() if role in SIDES
    }
    counted = tokens_kept(ledger)
    assert told == {"baseline": counted["base"], "candidate": counted["tuned"]}
    for key in ("primary", "flips", "outcomes", "reasons"):
        assert document[key] == unbroken[key]
