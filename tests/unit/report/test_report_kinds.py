"""Kinds of wrong answers on the page: counted as the verdict counts them, and each leads to its samples."""

import base64
import gzip
import json

from evalkit.compare.taxonomy import KINDS, LEVERS, counted
from evalkit.report import strings
from evalkit.report.html import render_html
from evalkit.report.pack import pack
from evalkit.report.panels.kinds import found_tables, kind_reader, kind_rows

TYPES = {"exact": "exact_match", "domain_f1": "f1", "sentiment_f1": "f1", "schema": "json_schema"}
MANIFEST = {"suite": {"metrics": [{"name": name, "type": kind} for name, kind in TYPES.items()]}}


def with_failures(verdict, rows):
    reading = kind_reader(verdict | {"failures": {"baseline": {}}}, MANIFEST)
    return verdict | {"failures": counted(rows, reading)}


def meta_of(rows, reading):
    return json.loads(gzip.decompress(base64.b64decode(pack(rows, "exact", reading=reading).meta)))


def test_every_kind_has_a_name_and_a_lever():
    assert set(strings.KINDS) == set(KINDS) == set(LEVERS)


def test_the_table_and_the_samples_behind_its_links_agree(documents):
    verdict, rows, _ = documents.make_documents("dont_ship")
    verdict = with_failures(verdict, rows)
    meta = meta_of(rows, kind_reader(verdict, MANIFEST))
    column = meta["kinds"]
    kinds = [column["values"][code] if code >= 0 else None for code in column["codes"]]
    assert len(kinds) == len(rows)
    assert len(kind_rows(verdict)) >= 3
    for row in kind_rows(verdict):
        kind = next(kind for kind, (word, _) in strings.KINDS.items() if word == row.word)
        assert int(row.candidate) == kinds.count(kind)
        assert row.candidate_href == (f"#f=all&k={kind}" if int(row.candidate) else "")
        broken = sum(found == kind and one["flip"] == "broken" for found, one in zip(kinds, rows, strict=True))
        assert int(row.broken) == broken
        assert row.broken_href == (f"#f=broken&k={kind}" if broken else "")


def test_the_page_says_what_helps(documents):
    verdict, rows, _ = documents.make_documents("dont_ship")
    verdict = with_failures(verdict, rows)
    page = render_html(verdict, rows, MANIFEST).decode()
    assert '<h2 id="kinds">' in page
    assert 'href="#kinds"' in page
    assert verdict["failures"]["lever"] in page


def test_a_run_that_counted_none_has_no_such_section_and_no_filter(documents):
    verdict, rows, manifest = documents.make_documents("ship", n=30)
    assert kind_reader(verdict, manifest) is None
    assert meta_of(rows, None)["kinds"] == {"name": "kinds", "values": [], "codes": [-1] * 30}
    page = render_html(verdict, rows, manifest).decode()
    assert 'id="kinds"' not in page
    assert 'href="#kinds"' not in page


def test_the_report_shows_them_escaped(documents):
    verdict, manifest, rows = documents.make_documents("dont_ship", n=20)
    row = {"metric": "form", "finding": "does not fit at $.<b>", "baseline": 1204, "candidate": 0}
    verdict = verdict | {"failures": {"findings": [row]}}
    assert found_tables(verdict)[0][1].rows == (("does not fit at $.<b>", "1,204", "0"),)
    page = render_html(verdict, manifest, rows).decode()
    assert "does not fit at $.&lt;b&gt;" in page
    assert "1,204" in page


def test_the_page_reads_rows_as_they_were_counted():
    for is_given in (True, False):
        verdict = {"failures": {"baseline": {}, "given_targets": is_given, "label_targets": not is_given}}
        reading = kind_reader(verdict, MANIFEST)
        assert (reading.has_given, reading.has_labels) == (is_given, not is_given)
