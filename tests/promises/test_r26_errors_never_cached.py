"""No kind of error is ever stored: whatever the server did, the next run asks again."""

import json
import sqlite3
from contextlib import closing

from bench import scripted

from evalkit.testing import Rule, answers, cuts, empty_body, error_in_200, fails, half_json, html, resets

SHAPES = {
    "400": fails(400),
    "404": fails(404, code="model_not_found"),
    "429": fails(429, headers={"retry-after": "0"}),
    "500": fails(500),
    "html-200": html(),
    "html-502": html(502),
    "half-json": half_json(),
    "error-in-200": error_in_200(),
    "empty": empty_body(),
    "cut": cuts(80),
    "reset": resets(),
    "null": answers("", message={"content": None}),
    "filtered": answers("I may not say", finish_reason="content_filter"),
}


def on(number):
    return lambda asked: asked.prompt.endswith(f" {number}")


def test_none_is_stored(bench):
    numbers = dict(zip(range(61, 100, 3), SHAPES, strict=True))
    rules = [Rule(behaviour=SHAPES[shape], match=on(number)) for number, shape in numbers.items()]
    with scripted(40, 95, *rules) as server:
        suite = bench.write_suite(server.base_url, 100, run={"concurrency": 16})
        finished = bench.run(suite)
    rows = bench.rows(finished.document)
    for number, shape in numbers.items():
        for role in ("baseline", "candidate"):
            assert rows[number][role]["status"] in {"failed", "refused"}, shape
            assert rows[number]["scores"]["exact"][role] is None, shape
    assert finished.document["primary"]["n"] == 100 - len(SHAPES)
    with closing(sqlite3.connect(bench.folder / ".evalkit" / "cache.sqlite")) as cache:
        stored = {name: bytes(payload) for name, payload in cache.execute("SELECT fingerprint, payload FROM answers")}
    (journal,) = bench.folder.glob(".evalkit/runs/*/journal.sqlite")
    with closing(sqlite3.connect(journal)) as journal:
        asked = journal.execute("SELECT request, sample_id FROM outcomes").fetchall()
    bad = {f"s{number:04d}" for number in numbers}
    troubled = {request for request, sample in asked if json.loads(sample) in bad}
    assert len(asked) == 2 * 100
    assert len(troubled) == 2 * len(SHAPES)
    # Every good answer of both sides is stored (and what the probe was told), and nothing else.
    assert {request for request, _ in asked} - troubled <= stored.keys()
    assert not troubled & stored.keys()
    assert all(b'"is":"response"' in payload and b'"refusal"' not in payload for payload in stored.values())


def test_there_are_at_least_twelve_shapes():
    assert len(SHAPES) >= 12
