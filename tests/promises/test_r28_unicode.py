"""Any text a dataset or a model may hold, half characters, NUL and bidi controls too, arrives whole and is shown.

Half a character in a dataset is kept as well, and the run says where it stands.
"""

import base64
import csv
import gzip
import io
import json
import re
import unicodedata

import pytest
from bench import Bench, number_in, side
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from warm import warm

from evalkit.report.text import visible
from evalkit.store.journal import Journal
from evalkit.testing import ScriptedServer, answers

__all__ = ["warm"]  # a fixture

CASES = 2000
SAMPLES = CASES // 2
NASTY = (
    "\x00\x07\x08\t\n\r\x0b\x1b\x7f\x85\x9b\xad\u061c\u200b\u200d\u200e\u202e\u2028\u2066\u2069\ufeff\ufffe\ud800\udfff"
)
"""One of each kind that has broken a log writer, a page or a terminal somewhere."""
SHOWN_AS_THEY_ARE = {"\t", "\n"}
ROWS = re.compile(r'<script type="text/plain" id="rows-\d+">([^<]*)</script>')


def drawn_texts():
    """2,000 texts, the same ones every time."""
    found = []
    characters = st.characters(exclude_categories=()) | st.sampled_from(NASTY)

    @settings(
        max_examples=CASES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.text(characters, max_size=30))
    def collect(text):
        found.append(text)

    collect()
    # Hypothesis may stop early where it has seen all there is; every nasty character comes at each end as well.
    found += [text for c in NASTY for text in (c, f"{c}end", f"start{c}", f"in{c}side")]
    while len(found) < CASES:
        found += [f"{text}{text}" for text in found]
    return found[-CASES:]


@pytest.fixture(scope="module")
def run(warm, tmp_path_factory):
    """One run: its folder, what was asked and what each side answered."""

    bench = Bench(tmp_path_factory.mktemp("unicode"))
    texts = drawn_texts()
    said = {"base": texts[:SAMPLES], "tuned": texts[SAMPLES:]}
    sides = [side(name, answers(lambda asked, name=name: said[name][number_in(asked)])) for name in said]
    with ScriptedServer(sides) as server:
        dataset = {"path": "samples.jsonl", "id": "id", "prompt": "{{ text }} {{ n }}", "target": "label"}
        suite = bench.write_suite(server.base_url, SAMPLES, dataset=dataset, run={"concurrency": 32})
        # Two of the texts a sample, so that all of them pass through the suite, and through its answers as well.
        asked = [f"{one} {other}" for one, other in zip(reversed(said["base"]), reversed(said["tuned"]), strict=True)]
        rows = [{"id": f"s{i:04d}", "n": i, "text": text, "label": "red"} for i, text in enumerate(asked)]
        (suite.parent / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        child = warm.start(bench.folder, "run", suite, "--no-cache", "--json")
        assert child.wait() in {1, 3, 4}, child.err
    assert warm.start(bench.folder, "report", "colours", "--format", "csv,markdown,junit").wait() == 0
    return bench, json.loads(child.out), asked, {"baseline": said["base"], "candidate": said["tuned"]}


def test_the_texts_are_as_nasty_as_they_are_meant_to_be():
    joined = "".join(drawn_texts())
    assert set(NASTY) <= set(joined)
    assert {unicodedata.category(c) for c in joined} >= {"Cs", "Cc", "Cf", "Co", "Cn", "Mn", "Zl"}


def test_half_characters_in_the_data_are_told_with_their_place(run):
    _, document, asked, _ = run
    first = next(i for i, text in enumerate(asked, start=1) if any(unicodedata.category(c) == "Cs" for c in text))
    assert any(f"samples.jsonl:{first}: " in told and "half a character" in told for told in document["warnings"])


def test_the_journal_holds_every_text_as_it_was(run):
    bench, _, _, said = run
    (path,) = bench.folder.glob(".evalkit/runs/*/journal.sqlite")
    with Journal.open(path) as journal:
        found = {(key.role, int(key.sample_id[1:])): outcome.text for key, outcome in journal.outcomes("colours")}
    assert found == {(role, i): text for role, texts in said.items() for i, text in enumerate(texts)}


def test_the_export_holds_every_text_as_it_was(run):
    bench, document, asked, said = run
    rows = bench.rows(document)
    assert [row["id"] for row in rows] == [f"s{i:04d}" for i in range(SAMPLES)]
    for role, texts in said.items():
        assert [row[role]["text"] for row in rows] == texts
    assert [row["input"] for row in rows] == [f"{text} {i}" for i, text in enumerate(asked)]


def test_the_table_shows_every_text(run):
    bench, document, _, said = run
    table = bench.folder / "reports" / "colours" / document["run"] / "samples.csv"
    rows = list(csv.DictReader(io.StringIO(table.read_text("utf-8"), newline="")))
    for name, texts in (("baseline_text", said["baseline"]), ("candidate_text", said["candidate"])):
        assert [row[name].removeprefix("'") for row in rows] == [visible(text).removeprefix("'") for text in texts]
    assert not hidden("".join(cell for row in rows for cell in row.values()))


def test_the_page_shows_every_text(run):
    bench, document, asked, said = run
    folder = bench.folder / "reports" / "colours" / document["run"]
    page = (folder / "report.html").read_text("utf-8")
    rows = [row for block in ROWS.findall(page) for row in json.loads(gzip.decompress(base64.b64decode(block)))]
    for role, texts in said.items():
        assert [row[role].get("text") for row in rows] == [visible(text) for text in texts]
    assert [row["input"] for row in rows] == [visible(f"{text} {i}") for i, text in enumerate(asked)]
    assert not hidden(json.dumps(rows, ensure_ascii=False))
    for name in ("report.html", "junit.xml"):
        assert not hidden((folder / name).read_text("utf-8"))


def hidden(text):
    """Controls, surrogates, bidi and zero-width characters in a text that is shown to people."""
    return {c for c in text if unicodedata.category(c) in {"Cc", "Cs"} or c in NASTY} - SHOWN_AS_THEY_ARE - {"\r"}
