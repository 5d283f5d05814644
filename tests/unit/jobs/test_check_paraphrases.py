"""`checks.semantic`: what is close in meaning, read by a judge, and every way in which the two models fail."""

import json
import re

import pytest
from bench import REPO, label_of, side
from meanings import EMBEDDER, JUDGE, MODELS, asks, embedder, meaning, reader

from evalkit.cli.app import execute
from evalkit.jobs.running.clean_subset import flagged
from evalkit.report.panels.checks import checks_table
from evalkit.testing import EMBEDDINGS_PATH, Behaviour, Rule, ScriptedServer, answers, fails, html
from evalkit.types import GateSpec, PrimarySpec

N = 30
OTHER = [{"prompt": f"tram {i} stops at the harbour", "completion": "red"} for i in range(1000, 1040)]
RETOLD = [{"prompt": f"Wo bleibt denn die Sendung von Kundin {i}?", "completion": "red"} for i in range(4)]


def never(*_):
    return False


def question(i):
    return f"customer {i} wants to know when the ordered lamp will be brought"


@pytest.fixture
def suite(bench, monkeypatch):
    monkeypatch.setenv("EVALKIT_HOME", str(bench.folder / ".evalkit"))

    def write(base_url, rows, n=N, semantic=None, **changes):
        checks = {"training_data": ["train.jsonl"], "semantic": semantic or asks(base_url)} | changes.pop("checks", {})
        path = bench.write_suite(base_url, n=n, checks=checks, **changes)
        samples = [
            {"id": f"s{i:04d}", "text": question(i), "label": label_of(i), "part": "ab"[i % 2]} for i in range(n)
        ]
        (path.parent / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in samples))
        (path.parent / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path

    return write


@pytest.fixture
def looked(suite, capsys):
    """Runs `check --json` against a server with these rules: (exit code, document, stderr, ledger)."""

    def look(*rules, training=(*OTHER, *RETOLD), **more):
        with ScriptedServer([*rules], models=MODELS) as server:
            semantic = more.pop("semantic", asks)
            path = suite(server.base_url, training, semantic=semantic(server.base_url), **more)
            code = execute(["--json", "check", str(path)])
            said = capsys.readouterr()
            return code, json.loads(said.out) if said.out else {}, said.err, server.ledger

    return look


def test_a_translation_that_shares_no_words_is_found_and_read(looked):
    code, document, _, _ = looked(embedder(), reader())
    found = document["contamination"]
    assert (code, found["dirty"], found["suspect"]) == (4, 4, 0)
    assert found["layers"]["semantic"] == 4
    evidence = {one["id"]: one for one in found["evidence"]}
    assert {name: one["training_row"] for name, one in evidence.items()} == {
        f"s{i:04d}": f"train.jsonl:{41 + i}" for i in range(4)
    }
    assert all((one["layer"], one["state"], one["span"]) == ("semantic", "dirty", "") for one in evidence.values())
    assert all(0.5 < one["score"] < 1.0 for one in evidence.values())
    assert found["semantic"]["checked"]
    assert found["semantic"]["verdicts"]["yes"] == 4
    assert found["semantic"]["verdicts"]["no"] == found["semantic"]["pairs"] - 4
    assert "each put to reader" in found["method"]
    assert "are not found" not in found["method"]


def test_without_the_key_nothing_is_embedded_and_the_method_says_so(looked):
    code, document, _, ledger = looked(embedder(), reader(), checks={"semantic": None})
    found = document["contamination"]
    assert (code, found["dirty"], len(ledger.entries)) == (0, 0, 0)
    assert "semantic" not in found
    assert "semantic" not in found["layers"]
    assert "are not found" in found["method"]


def test_a_no_of_the_judge_clears_a_sample_and_an_unreadable_reply_does_not(looked):
    code, document, _, _ = looked(embedder(), reader(never))
    assert (code, document["contamination"]["suspect"]) == (0, 0)
    code, document, _, _ = looked(embedder(), Rule(behaviour=answers("Sure! They are the same.")))
    found = document["contamination"]
    assert (code, found["dirty"]) == (0, 0)
    assert found["suspect"] >= 4
    assert found["semantic"]["verdicts"]["unreadable"] == found["semantic"]["pairs"]
    assert "reply leaves open" in " ".join(document["warnings"])


def test_a_no_about_a_text_that_tampers_with_the_judge_leaves_it_suspect(looked):
    _, document, _, _ = looked(embedder(), reader(never, tampered=True))
    assert document["contamination"]["suspect"] >= 4


def test_with_nobody_to_read_them_they_stay_suspect_and_the_text_says_so(looked):
    code, document, _, ledger = looked(embedder(), semantic=lambda url: asks(url, judge=False))
    found = document["contamination"]
    assert (code, found["dirty"]) == (0, 0)
    assert found["suspect"] == found["semantic"]["unread_samples"] >= 4
    assert "nobody read" in found["method"]
    assert "names no judge" in document["warnings"][0]
    assert not ledger.chats


def test_what_is_dirty_already_is_not_read_again(looked):
    same = [{"prompt": question(i), "completion": "x"} for i in range(4)]
    _, document, _, _ = looked(embedder(), reader(), training=(*OTHER, *same))
    found = document["contamination"]
    assert (found["layers"]["exact"], found["layers"]["semantic"], found["semantic"]["verdicts"]["yes"]) == (4, 0, 0)


def test_a_second_look_is_answered_from_the_cache(suite):
    with ScriptedServer([embedder(), reader()], models=MODELS) as server:
        path = suite(server.base_url, [*OTHER, *RETOLD])
        assert execute(["check", str(path)]) == 4
        n = len(server.ledger.chats)
        assert n > 0
        assert execute(["check", str(path)]) == 4
        assert len(server.ledger.chats) == n


def test_too_few_samples_for_a_percentile_is_not_clean(looked):
    code, document, _, ledger = looked(embedder(), reader(), n=6)
    found = document["contamination"]
    assert code == 0
    assert not found["semantic"]["checked"]
    assert "were not looked for" in found["method"]
    assert "fewer than 20 pairs" in document["warnings"][0]
    assert len([entry for entry in ledger.entries if entry.path == EMBEDDINGS_PATH]) == 1  # the samples, and no row


def test_samples_of_one_group_are_no_pairs(looked):
    dataset = {"path": "samples.jsonl", "id": "id", "prompt": "{{ text }}", "target": "label", "cluster": "part"}
    _, document, _, _ = looked(embedder(), reader(), n=12, dataset=dataset)
    assert document["contamination"]["semantic"]["checked"]  # 36 pairs across two groups
    _, document, _, _ = looked(embedder(), reader(), n=8, dataset=dataset)
    assert not document["contamination"]["semantic"]["checked"]  # 28 pairs, and 16 of them across


def test_of_a_long_text_only_the_beginning_is_sent_and_an_empty_one_not_at_all(looked):
    sent = []
    rule = embedder(match=lambda asked: sent.extend(asked.payload["input"]) or True)
    rows = [{"prompt": f"tram {i} " + "stops " * 500, "completion": "red"} for i in range(3)]
    blank = {"prompt": " \n", "completion": " "}
    _, document, _, _ = looked(rule, reader(), training=(*rows, blank), semantic=lambda url: asks(url, characters=60))
    assert {len(text) for text in sent if text.startswith("tram")} == {60}
    assert all(text.strip() == text != "" for text in sent)
    assert document["contamination"]["semantic"]["texts_cut"] == 3 + sum(len(question(i)) > 60 for i in range(N))


def too_long(limit, status=400, message="maximum context length is 32 tokens"):
    """A server that refuses a batch with a text of more characters than that."""
    return Rule(
        behaviour=fails(status, message),
        path=EMBEDDINGS_PATH,
        match=lambda asked: any(len(text) > limit for text in asked.payload["input"]),
    )


@pytest.mark.parametrize("refusal", [too_long(200), too_long(200, 500, "input is too large to process")])
def test_a_text_too_long_for_the_embedder_is_halved_until_it_fits_and_counted(looked, refusal):
    sent = []
    rule = embedder(match=lambda asked: sent.extend(asked.payload["input"]) or True)
    rows = [{"prompt": f"tram {2000 + i} " + "stops " * 120, "completion": "red"} for i in range(3)]
    _, document, _, _ = looked(refusal, rule, reader(), training=(*OTHER, *rows, *RETOLD))
    found = document["contamination"]
    assert {len(text) for text in sent if "stops stops" in text} == {181}  # 729 halved twice, less a space
    assert found["semantic"]["texts_cut"] == 3
    assert (found["dirty"], found["semantic"]["verdicts"]["yes"]) == (4, 4)


def test_a_text_cut_for_two_reasons_counts_once(looked):
    rows = [{"prompt": f"tram {2000 + i} " + "stops " * 120, "completion": "red"} for i in range(3)]
    _, document, _, _ = looked(
        too_long(200), embedder(), reader(), training=rows, semantic=lambda url: asks(url, characters=600)
    )
    assert document["contamination"]["semantic"]["texts_cut"] == 3


def test_an_embedder_for_which_everything_is_too_long_ends_in_5_after_few_requests(looked):
    code, document, said, ledger = looked(too_long(0), embedder(), reader())
    assert code == 5
    assert "maximum context length is 32 tokens" in said + json.dumps(document)
    assert len(ledger.entries) < 8


def test_a_server_that_repeats_a_text_in_its_refusal_is_not_quoted_with_it(looked):
    _, document, said, _ = looked(
        Rule(behaviour=fails(400, f"too long: {question(7)}"), path=EMBEDDINGS_PATH), reader()
    )
    assert "HTTP 400" in said
    assert "wants to know" not in said + json.dumps(document)


def test_rows_are_taken_in_blocks_and_the_last_one_too(looked, monkeypatch):
    monkeypatch.setattr("evalkit.jobs.running.semantic.BLOCK", 16)
    _, document, _, ledger = looked(embedder(), reader())
    assert document["contamination"]["dirty"] == 4
    assert len([entry for entry in ledger.entries if entry.path == EMBEDDINGS_PATH]) == 4  # 30 samples, 16 + 16 + 12


def body(rows):
    return Behaviour(body=json.dumps({"data": rows}).encode())


def short(asked):
    return json.dumps({"data": [{"index": 0, "embedding": [1.0, 0.0]}]}).encode()


def ragged(asked):
    rows = [{"index": i, "embedding": [1.0] * (2 + i % 2)} for i, _ in enumerate(asked.payload["input"])]
    return json.dumps({"data": rows}).encode()


def broken(word):
    def say(asked):
        rows = ",".join(f'{{"index": {i}, "embedding": [{word}, 1.0]}}' for i, _ in enumerate(asked.payload["input"]))
        return f'{{"data": [{rows}]}}'.encode()

    return Behaviour(body=say)


FAULTS = {
    "html": (html(), "HTML page"),
    "wrong count": (Behaviour(body=short), "30 texts were sent and 1 embeddings came back"),
    "ragged": (Behaviour(body=ragged), "have 2, 3 numbers"),
    "nan": (broken("NaN"), "not finite"),
    "overflow": (broken("1e400"), "no list of embeddings"),
    "zeros": (Behaviour(body=lambda asked: broken("0.0").body(asked).replace(b"1.0", b"0.0")), "all zeros"),
    "words": (broken('"much"'), "no list of embeddings"),
    "one index twice": (
        Behaviour(body=lambda asked: broken("1.0").body(asked).replace(b'"index": 1,', b'"index": 0,')),
        "which embedding belongs to which text",
    ),
    "no data": (Behaviour(body=b'{"error": {"message": "no"}}'), "holds no embeddings"),
    "key refused": (fails(401), "HTTP 401"),
    "no such route": (fails(404), "HTTP 404"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_an_embedder_that_fails_is_told_with_its_place_and_ends_in_5(looked, fault):
    behaviour, told = FAULTS[fault]
    code, document, said, _ = looked(Rule(behaviour=behaviour, path=EMBEDDINGS_PATH), reader())
    assert (code, document) == (5, {}) or document["exit_code"] == 5
    shown = said + json.dumps(document)
    assert told in shown
    assert "checks.semantic.embeddings" in shown
    assert "suite.yaml:" in shown
    assert "customer 7 wants" not in shown


def test_vectors_that_change_their_size_between_replies_are_refused(looked):
    sizes = [
        Rule(behaviour=embeds_of(24), path=EMBEDDINGS_PATH, times=1),
        Rule(behaviour=embeds_of(25), path=EMBEDDINGS_PATH),
    ]
    code, document, said, _ = looked(*sizes, reader())
    assert code == 5
    assert "24 numbers, then 25" in said + json.dumps(document)


def embeds_of(size):
    def say(asked):
        rows = [{"embedding": [*meaning(text), 0.5][:size]} for text in asked.payload["input"]]
        return json.dumps({"data": rows}).encode()

    return Behaviour(body=say)


def test_a_server_that_is_busy_for_a_moment_is_asked_again(looked, monkeypatch):
    monkeypatch.setattr("evalkit.jobs.running.embedding.pause_s", lambda *_: 0.0)
    busy = Rule(behaviour=fails(503), path=EMBEDDINGS_PATH, times=2)
    code, document, _, _ = looked(busy, embedder(), reader())
    assert (code, document["contamination"]["dirty"]) == (4, 4)


def test_a_server_that_is_down_and_a_model_it_does_not_serve(suite, capsys):
    path = suite("http://127.0.0.1:9/v1", OTHER)
    assert execute(["check", str(path)]) == 5
    assert "checks.semantic.embeddings" in capsys.readouterr().err
    with ScriptedServer([embedder()], models=("base",)) as server:
        assert execute(["check", str(suite(server.base_url, OTHER))]) == 5
    assert f"does not serve '{EMBEDDER}'" in capsys.readouterr().err


def test_a_judge_that_is_down_is_no_verdict_either(looked):
    code, document, said, _ = looked(embedder(), Rule(behaviour=fails(401), match=lambda asked: asked.model == JUDGE))
    assert code == 5
    assert "checks.semantic.judge" in said + json.dumps(document)


def test_a_run_leaves_out_what_the_judge_called_a_rephrasing(bench, suite, monkeypatch, capsys):
    monkeypatch.chdir(bench.folder)
    sides = [side("base", answers("red")), side("tuned", answers("red"))]
    with ScriptedServer([embedder(), reader(), *sides], models=MODELS) as server:
        path = suite(server.base_url, [*OTHER, *RETOLD], n=40)
        execute(["run", str(path)])
    assert "looking for paraphrases (checks.semantic)" in capsys.readouterr().err
    verdict = json.loads(next(bench.folder.glob("reports/colours/*/verdict.json")).read_text())
    found = verdict["contamination"]
    assert (found["dirty"], found["parts"]["dirty"]["n"], found["parts"]["clean"]["n"]) == (4, 4, 36)
    assert "only the 36 others are judged" in " ".join(verdict["warnings"])
    page = next(bench.folder.glob("reports/colours/*/report.html")).read_text()
    assert "close in meaning" in page
    assert "the same in other words" in page
    assert "cosine 0.9" in page


def test_a_run_with_nobody_to_read_keeps_what_is_only_close(bench, suite, monkeypatch):
    monkeypatch.chdir(bench.folder)
    sides = [side("base", answers("red")), side("tuned", answers("red"))]
    with ScriptedServer([embedder(), *sides], models=MODELS) as server:
        path = suite(server.base_url, [*OTHER, *RETOLD], n=40, semantic=asks(server.base_url, judge=False))
        execute(["run", str(path), "--quiet"])
    verdict = json.loads(next(bench.folder.glob("reports/colours/*/verdict.json")).read_text())
    assert verdict["contamination"]["suspect"] >= 4
    assert verdict["coverage"]["planned"] == 40
    told = " ".join(verdict["warnings"])
    assert "so they are not left out" in told
    row = next(row for row in verdict["asked"] if row["label"] == "samples that were trained on")
    unread = verdict["contamination"]["semantic"]["unread_samples"]
    assert row["got"] == f"0 of 40 found in 44 training rows, {unread} more close in meaning to rows that nobody read"
    checks = dict(checks_table(verdict).rows)["overlap with training data"]
    assert checks.endswith(f"{unread} of them only close in meaning to a row that nobody read")


def test_a_gain_that_rests_on_what_nobody_read_is_not_laid_to_training():
    parts = {"all": {"delta_points": 9.0}, "clean": {"delta_points": 1.0}}
    gate = GateSpec(primary=PrimarySpec(metric="exact"))
    found = {"is_flagged": True, "parts": parts}
    assert "what was trained on makes the difference" in flagged(found, gate)[0]
    assert "nobody read" in flagged(found | {"semantic": {"unread_samples": 3}}, gate)[0]


def test_a_run_too_small_for_a_percentile_warns_and_calls_nothing_clean(bench, suite, monkeypatch):
    monkeypatch.chdir(bench.folder)
    sides = [side("base", answers("red")), side("tuned", answers("green"))]
    with ScriptedServer([embedder(), *sides], models=MODELS) as server:
        execute(["run", str(suite(server.base_url, OTHER, n=5)), "--quiet"])
    verdict = json.loads(next(bench.folder.glob("reports/colours/*/verdict.json")).read_text())
    assert any("paraphrases and translations were not looked for" in told for told in verdict["warnings"])


def test_a_run_finds_out_before_it_asks_anything_that_the_embedder_is_down(bench, suite, monkeypatch, capsys):
    monkeypatch.chdir(bench.folder)
    with ScriptedServer([Rule(behaviour=html(), path=EMBEDDINGS_PATH)], models=MODELS) as server:
        assert execute(["run", str(suite(server.base_url, OTHER)), "--quiet"]) == 5
        assert not server.ledger.chats
    assert "checks.semantic.embeddings" in capsys.readouterr().err


def with_semantic(path, **changes):
    """Writes these keys of `checks.semantic` into the suite; without any, takes it out."""
    document = json.loads(path.read_text())
    asked = document["checks"].pop("semantic", {})
    if changes:
        document["checks"]["semantic"] = asked | changes
    path.write_text(json.dumps(document))


@pytest.fixture
def stranded(bench, suite, monkeypatch):
    """A run that answered everything and then failed at its embedder: (suite, server)."""
    monkeypatch.chdir(bench.folder)
    hello = embedder(match=lambda asked: asked.payload["input"] == ["Is anybody there?"])
    sides = [side("base", answers("red")), side("tuned", answers("red"))]
    broken_later = Rule(behaviour=fails(401), path=EMBEDDINGS_PATH)
    with ScriptedServer([hello, broken_later, reader(), *sides], models=MODELS) as server:
        path = suite(server.base_url, [*OTHER, *RETOLD], n=40)
        assert execute(["run", str(path), "--quiet", "--no-cache"]) == 5
        assert len(server.ledger.chats) >= 80
        assert not list(bench.folder.glob("reports/colours/*/verdict.json"))
        yield path, server


def test_a_run_whose_embedder_failed_gets_its_verdict_without_semantic(bench, stranded, capsys):
    path, server = stranded
    before = len(server.ledger.chats)
    with_semantic(path)
    assert execute(["run", str(path), "--quiet", "--no-cache", "--resume"]) in {0, 1, 3}
    assert len(server.ledger.chats) == before
    (found,) = {one.resolve() for one in bench.folder.glob("reports/colours/*/verdict.json")}
    contamination = json.loads(found.read_text())["contamination"]
    assert "semantic" not in contamination
    assert "are not found" in contamination["method"]
    run = found.parent.name
    capsys.readouterr()
    assert execute(["run", str(path), "--quiet", "--no-cache", "--resume", run]) in {0, 1, 3}
    # With a verdict to compare with, it is no longer free: this would be a way to choose between two.
    with_semantic(path, **asks(server.base_url))
    assert execute(["run", str(path), "--quiet", "--no-cache", "--resume", run]) == 2
    assert "checks.semantic.embeddings.model: was absent" in capsys.readouterr().err


def test_a_run_whose_embedder_failed_goes_on_with_other_settings_of_it_and_nothing_else(stranded, capsys):
    path, server = stranded
    before = len(server.ledger.chats)
    with_semantic(path, characters=60)
    assert execute(["run", str(path), "--quiet", "--no-cache", "--resume"]) == 5
    document = json.loads(path.read_text())
    document["checks"]["contamination"] = {"action": "warn"}
    path.write_text(json.dumps(document))
    capsys.readouterr()
    assert execute(["run", str(path), "--quiet", "--no-cache", "--resume"]) == 2
    said = capsys.readouterr().err
    assert "checks.contamination.action" in said
    assert "semantic" not in said
    assert len(server.ledger.chats) == before


def test_the_terminal_says_what_was_read_and_what_was_not(suite, capsys):
    with ScriptedServer([embedder(), reader()], models=MODELS) as server:
        execute(["check", str(suite(server.base_url, [*OTHER, *RETOLD]))])
        read = " ".join(capsys.readouterr().out.split())
        execute(["check", str(suite(server.base_url, [*OTHER, *RETOLD], semantic=asks(server.base_url, judge=False)))])
        unread = " ".join(capsys.readouterr().out.split())
        execute(["check", str(suite(server.base_url, OTHER))])
        clean = " ".join(capsys.readouterr().out.split())
        execute(["check", str(suite(server.base_url, OTHER, n=5))])
        few = " ".join(capsys.readouterr().out.split())
    assert "called 4 rephrasings" in read
    assert "s0000 ← train.jsonl:41, dirty, the same in other words" in read
    assert "4 of them in other words" in read
    assert "nobody read them, so most may be clean" in unread
    assert unread.endswith("no sample was trained on, as far as shared words show")
    assert clean.endswith("no sample was trained on, as far as shared words and meaning show")
    assert "paraphrases and translations: not looked for, there are fewer than 20 pairs" in few
    assert few.endswith("no sample was trained on, as far as shared words show")


def test_what_the_document_says_of_it_is_described(looked):
    words = set(re.findall(r"[a-z_0-9]+", (REPO / "docs" / "files.md").read_text(encoding="utf-8")))
    _, document, _, _ = looked(embedder(), reader())
    said = document["contamination"]["semantic"]
    assert {*said, *said["verdicts"]} <= words
