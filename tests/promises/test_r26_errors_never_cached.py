"""No kind of error is ever stored: whatever the server did, the next run asks again."""

import sqlite3

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
    with sqlite3.connect(bench.folder / ".evalkit" / "cache.sqlite") as connection:
        payloads = [bytes(p[0]) for p in connection.execute("SELECT payload FROM answers")]
    connection.close()
    # Every good answer of both sides is stored (and what the probe was told), and nothing else.
    assert len(payloads) >= 2 * (100 - len(SHAPES))
    assert all(b'"is":"response"' in payload and b'"refusal"' not in payload for payload in payloads)
