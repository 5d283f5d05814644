"""Reports too large to carry every text as it stands."""

import base64
import gzip
import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.report import pack as packing
from evalkit.report.pack import pack
from evalkit.report.samples import SampleFile
from evalkit.report.shorthand import FIRST, Shorthand
from evalkit.report.text import visible


def longhand(text, words):
    return "".join(words[ord(c) - FIRST] if 0 <= ord(c) - FIRST < len(words) else c for c in text)


def unpacked(block, words=()):
    return json.loads(longhand(gzip.decompress(base64.b64decode(block)).decode("utf-8"), words))


@given(texts=st.lists(st.text(st.sampled_from("ab AB é\n\"\\'<|1_-\ue000\uf8ff\u4e2d"), max_size=60), max_size=12))
def test_shorthand_comes_back_as_it_was(texts):
    shown = [visible(text) for text in texts]
    short = Shorthand.of(shown * 4)
    assert [longhand(short.encode(text), short.words) for text in shown] == shown
    assert not any("|" in word for word in short.words)


def test_frequent_words_become_one_character():
    short = Shorthand.of(["so it goes and goes"] * 4)
    assert len(short.encode("so it goes and goes")) == 5
    assert Shorthand().encode("so it goes") == "so it goes"


def test_a_large_report_keeps_every_text_in_less_space(documents, monkeypatch):
    rng = random.Random(3)  # noqa: S311 - test data
    known = ["".join(rng.choices("abcdefghijklmnop", k=6)) for _ in range(2000)]
    rows = [row | {"input": " ".join(rng.choices(known, k=100))} for row in documents.make_samples(n=1000)]
    plain = pack(rows, "exact")
    assert unpacked(plain.meta)["words"] == ""
    monkeypatch.setattr(packing, "LARGE_CHARS", 1000)
    packed = pack(rows, "exact")
    words = unpacked(packed.meta)["words"].split("|")
    found = [row for chunk in packed.chunks for row in unpacked(chunk, words)]
    assert [row["input"] for row in found] == [row["input"] for row in rows]
    assert [row["candidate"]["text"] for row in found] == [row["candidate"]["text"] for row in rows]
    assert sum(map(len, packed.chunks)) < 0.85 * sum(map(len, plain.chunks))


def test_a_page_that_would_grow_too_large_keeps_what_flipped(documents):
    rows = documents.make_samples("ship", n=600, words=60)
    whole = sum(map(len, pack(rows, "exact").chunks))
    packed = pack(rows, "exact", max_chars=whole * 2 // 3)
    found = [row for chunk in packed.chunks for row in unpacked(chunk)]
    same = {"both_right", "both_wrong"}
    assert [row is None for row in found] == [row["flip"] in same for row in rows]
    assert packed.n_left_out == sum(row["flip"] in same for row in rows) > 0
    assert unpacked(packed.meta)["ids"] == [row["id"] for row in rows]


@pytest.mark.parametrize(("share", "longest"), [(0.2, 4_000), (0.0001, 0)])
def test_then_texts_are_cut_and_at_last_only_ids_remain(documents, share, longest):
    rows = [
        row | {"input": " ".join(map(str, range(i, i + 3000)))} for i, row in enumerate(documents.make_samples(n=60))
    ]
    whole = sum(map(len, pack(rows, "exact").chunks))
    packed = pack(rows, "exact", max_chars=int(share * whole))
    found = [row for chunk in packed.chunks for row in unpacked(chunk)]
    assert packed.max_chars <= longest
    assert len(found) == 60
    assert sum(map(len, packed.chunks)) <= max(share * whole, 200)


def test_rows_are_read_anew_by_every_loop_and_damage_is_told_with_its_line(tmp_path):
    path = tmp_path / "samples.jsonl"
    path.write_text('{"id": "a\\ud800"}\n{"id": "b"}\n')
    rows = SampleFile(path)
    assert [row["id"] for row in rows] == [row["id"] for row in rows] == ["a\ud800", "b"]
    path.write_text('{"id": "a"}\n{"id": \n')
    with pytest.raises(Exception, match=r"samples\.jsonl:2 is damaged"):
        list(rows)
