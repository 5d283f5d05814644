"""No kind of error is ever stored: whatever the server did, the next run asks again."""

import sqlite3

import pytest
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


@pytest.mark.parametrize("shape", SHAPES)
def test_not_stored(bench, shape):
    rule = Rule(behaviour=SHAPES[shape], match=lambda asked: asked.prompt.endswith("item 7"))
    with scripted(20, 50, rule) as server:
        suite = bench.write_suite(server.base_url, 60, run={"concurrency": 16})
        finished = bench.run(suite)
        row = bench.rows(finished.document)[7]
    assert row["baseline"]["status"] in {"failed", "refused"}
    assert row["scores"]["exact"]["baseline"] is None
    with sqlite3.connect(bench.folder / ".evalkit" / "cache.sqlite") as connection:
        payloads = [bytes(p[0]) for p in connection.execute("SELECT payload FROM answers")]
    connection.close()
    # 118 answers of the run and the probe's; none of them is item 7's.
    assert len(payloads) >= 118
    assert all(b'"is":"response"' in payload and b'"refusal"' not in payload for payload in payloads)
