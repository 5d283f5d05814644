import time

import pytest
from texts import edited, texts

from evalkit.hygiene import contamination, matching
from evalkit.hygiene.contamination import TrainingRow, find_overlap
from evalkit.hygiene.index import Index, Item
from evalkit.hygiene.splitting import clusters_of
from evalkit.hygiene.twins import twins
from evalkit.types.hygiene import Thresholds


def scan(held_out, training, asked=None, outputs=(), answers=()):
    items = [Item(f"s{i}", "question", text) for i, text in enumerate(held_out)]
    items += [Item(f"s{i}", "answer", text) for i, text in enumerate(answers)]
    rows = [TrainingRow(f"t.jsonl:{i}", (text,)) for i, text in enumerate(training, start=1)]
    rows += [TrainingRow(f"t.jsonl:{i}", ("asked",), (text,)) for i, text in enumerate(outputs, start=1 + len(rows))]
    return find_overlap(Index.of(items), rows, asked or Thresholds())


def first(found, sample="s0"):
    evidence = found.evidence[sample][0]
    return evidence.layer, evidence.state


HELD = texts(40, seed=1)
NOISE = [" ".join(words) for words in texts(300, seed=2)]


def plants():
    words = HELD[0]
    quarter = len(words) // 4
    return {
        "exact": (" ".join(words).upper() + "!!", {("exact", "dirty")}),
        "reordered": (" ".join(words[2 * quarter :] + words[: 2 * quarter]), {("ngram", "dirty")}),
        "13 words": (" ".join(texts(1, 5)[0] + words[20:33] + texts(1, 6)[0]), {("ngram", "dirty")}),
        "embedded": (" ".join(texts(1, 5)[0] + words + texts(1, 6)[0]), {("ngram", "dirty")}),
        "20 %": (edited(words, 0.2, 3), {("ngram", "dirty"), ("edited", "dirty"), ("span", "dirty")}),
    }


@pytest.mark.parametrize("kind", list(plants()))
def test_what_is_planted_is_found_with_its_row(kind):
    text, layers = plants()[kind]
    found = scan([" ".join(words) for words in HELD], [*NOISE, text])
    assert first(found) in layers
    assert found.evidence["s0"][0].where == f"t.jsonl:{len(NOISE) + 1}"
    assert set(found.evidence) == {"s0"}
    assert found.n_training_rows == len(NOISE) + 1


def test_edits_are_found_and_nothing_else_is():
    held = [" ".join(words) for words in HELD]
    for share, least in ((0.1, 1.0), (0.2, 1.0), (0.35, 0.9)):
        found = scan(held, [*NOISE, *(edited(words, share, i) for i, words in enumerate(HELD))])
        assert len(found.evidence) >= least * len(held), share
        for sample, evidence in found.evidence.items():
            assert {e.where for e in evidence} == {f"t.jsonl:{len(NOISE) + 1 + int(sample[1:])}"}


def test_the_span_is_shown_as_words():
    words = HELD[0]
    found = scan([" ".join(words)], [" ".join(["x", *words[10:30], "y"])])
    assert found.evidence["s0"][0].span == " ".join(words[10:30])


def test_a_part_makes_a_sample_suspect_by_its_share():
    words = texts(1, seed=9, low=40, high=40)[0]
    for size, expected in ((7, None), (9, "suspect"), (12, "suspect")):
        found = scan([" ".join(words)], [" ".join([*texts(1, 5)[0], *words[5 : 5 + size], *texts(1, 6)[0]])])
        assert (first(found)[1] if found.evidence else None) == expected, size
    loose = Thresholds(suspect_span=0.5)
    assert not scan([" ".join(words)], [" ".join([*texts(1, 5)[0], *words[5:14]])], loose).evidence


def test_a_template_that_all_share_makes_nothing_dirty():
    template = "you are a helpful assistant for the customers of a large shop answer politely and in one sentence"
    held = [f"{template} {' '.join(words)}" for words in HELD]
    training = [f"{template} {text}" for text in NOISE]
    assert not scan(held, training).evidence
    leaky = scan(held, [*training, f"{template} {edited(HELD[3], 0.1, 1)}"])
    assert set(leaky.evidence) == {"s3"}


def test_a_template_seen_only_late_is_taken_back(monkeypatch):
    monkeypatch.setattr(contamination, "BATCH_BYTES", 2_000)
    template = "you are a helpful assistant for the customers of a large shop answer politely and in one sentence"
    held = [f"{template} {' '.join(words)}" for words in HELD[:3]]
    assert not scan(held, [f"{template} {text}" for text in NOISE]).evidence


def test_one_sample_copied_often_is_no_template():
    held = [" ".join(words) for words in HELD]
    training = [edited(HELD[0], 0.05, i) for i in range(200)] + NOISE
    assert first(scan(held, training))[1] == "dirty"


def test_short_texts_are_found_whole_or_nearly():
    held = ["where is my parcel number 4711 please", "good film", "terrible service at the counter"]
    found = scan(held, ["GOOD FILM.", "where is my parcel number 4712 please", "a good film about a counter"])
    assert found.evidence["s1"][0].layer == "exact"
    assert found.evidence["s0"][0].layer == "near"
    assert "s2" not in found.evidence


def test_texts_without_blanks_are_matched_by_characters():
    text = "昨日は友達と一緒に新しいレストランへ行って美味しい料理をたくさん食べました"
    found = scan([text], [f"質問：{text[:30]}ところで元気ですか"])
    assert first(found)[1] == "dirty"


def test_an_answer_in_a_training_output_is_suspect_and_in_an_input_nothing():
    answer = "the refund reaches your account within five working days of our reply"
    asked = scan(["when"], [], outputs=[f"dear customer {answer} kind regards"], answers=[answer])
    assert first(asked) == ("answer", "suspect")
    assert not scan(["when"], [f"dear customer {answer}"], answers=[answer]).evidence


def test_the_document_counts_every_layer_and_names_the_strongest_first():
    held = [" ".join(words) for words in HELD[:3]]
    found = scan(held, [held[2], " ".join(HELD[1][:14])])
    document = found.document()
    assert (document["dirty"], document["suspect"], document["samples"]) == (2, 0, 3)
    assert (document["layers"]["exact"], document["layers"]["ngram"]) == (1, 1)
    assert [e["id"] for e in document["evidence"]] == ["s2", "s1"]
    assert document["evidence"][0]["training_row"] == "t.jsonl:1"
    assert document["thresholds"]["ngram"] == 13


def test_nothing_to_look_for_and_nothing_to_look_through():
    assert scan([], ["a text"]).n_training_rows == 1
    assert scan(["", "..."], ["", "!!"]).evidence == {}
    assert scan(["a b c"], []).n_training_rows == 0


def test_a_row_of_ten_megabytes_takes_seconds_at_most():
    row = "spam " * 2_000_000
    began = time.perf_counter()
    found = scan([" ".join(words) for words in HELD] + ["spam " * 50], [row])
    assert set(found.evidence) <= {"s40"}
    assert time.perf_counter() - began < 60


def test_a_turn_of_phrase_makes_no_short_sentence_suspect():
    assert not scan(
        ["i probably will not be back here any time"], ["well i probably will not be going any further"]
    ).evidence


def test_a_row_that_has_a_part_of_one_text_and_all_of_another_makes_the_sample_dirty():
    title, body = texts(1, seed=31, low=40, high=40)[0], texts(1, seed=32)[0]
    index = Index.of([Item("s0", "question", " ".join(title)), Item("s0", "question", " ".join(body))])
    part = " ".join([*texts(1, 5)[0], *title[5:14], *texts(1, 6)[0]])
    found = find_overlap(index, [TrainingRow("t:1", (part, " ".join(["x", *body, "y"])))], Thresholds())
    assert found.evidence["s0"][0].state == "dirty"


def test_what_proves_to_be_a_template_does_not_crowd_out_a_copy(monkeypatch):
    monkeypatch.setattr(contamination, "BATCH_BYTES", 2_000)
    template = "you are a helpful assistant for the customers of a large shop answer politely and in one sentence"
    held = [f"{template} {' '.join(words)}" for words in HELD[:3]]
    training = [f"{template} {text}" for text in NOISE[:60]] + NOISE + [f"{template} {edited(HELD[0], 0.1, 1)}"]
    found = scan(held, training)
    assert set(found.evidence) == {"s0"}
    assert found.evidence["s0"][0].where == f"t.jsonl:{len(training)}"


def test_phrases_that_many_share_take_bounded_memory(monkeypatch):
    sizes = []
    real = matching._chosen
    monkeypatch.setattr(matching, "MAX_POINTS", 500)
    monkeypatch.setattr(
        matching, "_chosen", lambda points, *more: sizes.append(len(points.item)) or real(points, *more)
    )
    phrase = " ".join(HELD[0][:30])
    scan([f"{phrase} {' '.join(words)}" for words in HELD[1:20]] + [" ".join(w) for w in HELD], [phrase] * 9)
    assert sizes
    assert max(sizes) <= 500


def test_twenty_near_copies_are_one_cluster_and_not_a_template():
    copies = [edited(HELD[0], 0.03, seed) for seed in range(20)]
    rows = [" ".join(words) for words in texts(400, seed=41)] + copies
    pairs = twins(rows, Thresholds())
    clusters = clusters_of(len(rows), [None] * len(rows), pairs)
    assert len(set(clusters[400:])) == 1
    assert len(set(clusters)) == 401
