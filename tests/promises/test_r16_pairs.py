"""Answers are joined to samples by key alone, whatever order and concurrency they arrive in."""

from bench import number_in, side

from evalkit.testing import ScriptedServer, answers

N = 1000


def delay(asked):
    return int(asked.body_sha256[:4], 16) / 65536 * 0.01


def echo_server():
    return ScriptedServer(
        [
            side("base", answers(lambda asked: f"base {number_in(asked)}", delay_s=delay)),
            side("tuned", answers(lambda asked: f"tuned {number_in(asked)}", delay_s=delay)),
        ]
    )


def test_no_answer_lands_on_another_sample(bench):
    seen = {}
    for concurrency in (1, 64):
        with echo_server() as server:
            suite = bench.write_suite(server.base_url, N, run={"concurrency": concurrency})
            finished = bench.run(suite, "--no-cache")
        rows = bench.rows(finished.document)
        assert [row["id"] for row in rows] == [f"s{i:04d}" for i in range(N)]
        for row in rows:
            number = int(row["id"][1:])
            assert row["baseline"]["text"] == f"base {number}"
            assert row["candidate"]["text"] == f"tuned {number}"
        seen[concurrency] = finished.document["primary"] | {"line": None}
    assert seen[1] == seen[64]


def test_sides_are_interleaved(bench):
    with echo_server() as server:
        bench.run(bench.write_suite(server.base_url, 60, run={"concurrency": 4}))
        order = [entry.model for entry in server.ledger.chats if not entry.messages[-1][1].startswith("probe")]
    asked = order[-120:]
    for start in range(0, 112, 8):
        # Any eight neighbours hold both sides: neither runs ahead.
        assert set(asked[start : start + 8]) == {"base", "tuned"}
