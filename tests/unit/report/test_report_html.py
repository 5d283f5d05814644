import base64
import gzip
import hashlib
import json
import re

import pytest

from evalkit.report import charts, demands
from evalkit.report.html import render_html
from evalkit.report.pack import CHUNK_ROWS, FLIP_CODES, pack
from evalkit.report.panels import classes, cost

STATUSES = ("ship", "dont_ship", "inconclusive", "invalid", "error")


def unpacked(block):
    return json.loads(gzip.decompress(base64.b64decode(block)))


def shown(page_html):
    """The words of a page, without markup, script, style and packed samples."""
    text = re.sub(rb"(?s)<(script|style)\b.*?</\1>", b" ", page_html).decode()
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


@pytest.mark.parametrize("status", STATUSES)
def test_each_verdict_says_its_own_word(documents, status):
    html = render_html(*documents.make_documents(status, n=60))
    words = {"ship": "SHIP", "dont_ship": "DON’T SHIP"}
    assert re.search(rb"<h1>(.*?)</h1>", html)[1].decode() == words.get(status, status.upper())


def test_what_the_headline_tells_does_not_stand_in_the_way_a_second_time(documents):
    verdict, rows, manifest = documents.make_documents("dont_ship", n=30)
    first, second = (reason["detail"] for reason in verdict["reasons"] if reason["blocking"])

    def told(headline):
        page = shown(render_html(verdict | {"headline": headline}, rows, manifest))
        return page.partition("Difference on")[0]

    both = told("It gains nothing.")
    assert both.index("What stands in the way") < both.index(first) < both.index(second)
    one = told(f"It gains nothing. But {second[0].upper()}{second[1:]}.")
    assert one.index("What else stands in the way") < one.index(first)
    assert one.casefold().count(second.casefold()) == 1
    assert "stands in the way" not in told(f"{first}; {second}.")


def test_equal_documents_give_equal_bytes(documents):
    first, second = (render_html(*documents.make_documents("ship", n=30)) for _ in range(2))
    assert first == second


def test_the_policy_names_exactly_the_hash_of_style_and_script(ship):
    html = render_html(*ship).decode()
    for tag in ("style", "script"):
        body = re.search(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)[1]
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode().replace("+", "&#43;")
        assert f"{tag}-src &#39;sha256-{digest}&#39;" in html.replace("+", "&#43;")


def test_nothing_is_styled_or_scripted_inline(ship):
    html = re.sub(r"(?s)<(script|style)>.*?</\1>", "", render_html(*ship).decode())
    assert not re.search(r"<[^>]+\s(?:style|on[a-z]+)\s*=", html)


def test_empty_documents_say_what_is_missing():
    told = shown(render_html({}, [], {}))
    for sentence in ("NO VERDICT", "not measured", "left no samples", "names no slices", "names no guards"):
        assert sentence in told


@pytest.mark.parametrize("key", ["primary", "metrics", "guards", "slices", "asked", "flips", "outcomes", "coverage",
                                 "per_class", "identity", "differences", "cost", "latency", "contamination",
                                 "provenance", "warnings", "reasons", "advice", "headline", "created"])  # fmt: skip
@pytest.mark.parametrize("value", [None, "text", 3, [], {}, [None, 1, "x", {}], {"note": "why"}])
def test_any_part_may_be_absent_or_odd(ship, key, value):
    verdict, rows, manifest = ship
    assert b"</html>" in render_html({**verdict, key: value}, rows[:2], manifest)


def test_missing_is_never_shown_as_zero(documents):
    verdict, rows, manifest = documents.make_documents("error", n=60)
    html = render_html(verdict, rows, manifest)
    assert re.search(rb'class="big absent">not measured<', html)
    chart = charts.metric_chart(verdict)
    assert {row.delta for row in chart.rows} == {"not measured"}
    assert {row.baseline for row in chart.rows} == {"–"}
    costs = cost.cost_table(verdict)
    assert costs.rows[0] == ("all answers, USD", "unknown", "unknown")


def test_an_unresolved_guard_is_not_a_tick(ship):
    ship[0]["guards"][2]["n_needed"] = 77
    rows = demands.guard_rows(ship[0])
    assert [row.mark.sign for row in rows] == ["?", "?", "✔"]
    assert rows[0].needed == "about 420 pairs would settle it"
    assert rows[2].needed == ""


def test_demands_point_at_their_line_and_their_samples(ship):
    rows = demands.asked_rows(ship[0])
    assert rows[0].where == "suite.yaml:41"
    assert rows[0].href == "#f=broken"
    assert rows[4].where == ""


def test_a_link_can_lead_nowhere_but_into_the_page():
    rows = demands.asked_rows({"asked": [{"label": "x", "filter": "javascript:alert(1)"}]})
    assert rows[0].href.startswith("#")


def test_the_dashed_line_stands_where_the_suite_put_it(ship):
    verdict = ship[0]
    assert charts.demand(verdict) == 5.0
    primary = {**verdict["primary"], "noninferiority_margin": 2.0}
    assert charts.demand({**verdict, "primary": primary}) == 5.0
    assert charts.demand({**verdict, "primary": primary, "intent": "cost"}) == -2.0


def test_samples_are_packed_in_blocks_and_come_back_whole(documents):
    rows = documents.make_samples("ship", n=CHUNK_ROWS + 3)
    packed = pack(rows, "exact")
    meta, blocks = unpacked(packed.meta), [unpacked(chunk) for chunk in packed.chunks]
    assert [len(block) for block in blocks] == [CHUNK_ROWS, 3]
    assert meta["ids"] == [row["id"] for row in rows]
    assert [FLIP_CODES[code] for code in meta["flips"]] == [row["flip"] for row in rows]
    assert meta["metrics"][0]["flips"] == meta["flips"]
    for row, back in zip(rows, [sample for block in blocks for sample in block], strict=True):
        assert back["input"] == row["input"]
        assert back["candidate"].get("text") == row["candidate"]["text"]
        assert back["scores"][0][:2] == [row["scores"]["exact"][side] for side in ("baseline", "candidate")]


def test_packing_counts_slices_by_column(documents):
    rows = documents.make_samples("ship", n=30)
    meta = unpacked(pack(rows, "exact").meta)
    column = next(c for c in meta["slices"] if c["name"] == "domain")
    assert [column["values"][code] for code in column["codes"]] == [row["slices"]["domain"] for row in rows]


def test_a_graded_metric_is_broken_when_it_falls():
    rows = [
        {"id": str(i), "scores": {"rouge": {"baseline": b, "candidate": c}}}
        for i, (b, c) in enumerate([(0.5, 0.4), (0.4, 0.5), (1.0, 1.0), (0.5, 0.5), (None, 0.5)])
    ]
    meta = unpacked(pack(rows, "rouge").meta)
    codes = [FLIP_CODES[code] for code in meta["metrics"][0]["flips"]]
    assert codes == ["broken", "fixed", "both_right", "both_wrong", "unscored"]


def test_a_text_of_a_megabyte_is_cut_and_says_so(documents):
    rows = documents.make_samples("ship", n=3)
    rows[0]["candidate"]["text"] = "word " * 200_000
    block = unpacked(pack(rows, "exact").chunks[0])
    assert "1,000,000 characters in all, see samples.jsonl" in block[0]["candidate"]["text"]
    assert len(block[0]["candidate"]["text"]) < 64_200


def test_lone_surrogates_and_controls_are_shown_not_lost(documents):
    verdict, rows, manifest = documents.make_documents("ship", n=5)
    rows[0] = {**rows[0], "input": "a\ud800b\x00c\u202ed", "flip": "broken"}
    verdict["headline"] = "h\udfff\u200b"
    html = render_html(verdict, rows, manifest).decode("utf-8")
    assert "h‹U+DFFF›‹U+200B›" in html
    assert "a‹U+D800›b␀c‹U+202E›d" in html


def test_confusion_matrices_tint_by_share_and_keep_the_count(ship):
    block = classes.class_blocks(ship[0])[0]
    side, rows = block.matrices[0]
    label, cells = rows[0]
    assert (side, label) == ("baseline", "negative")
    assert [int(count) for count, _ in cells] == ship[0]["per_class"][0]["confusion"]["baseline"][0]
    assert all(0 <= tint <= 5 and (tint == 0) == (count == "0") for count, tint in cells)
    assert block.heads[-1] == "(unreadable or not a label)"
