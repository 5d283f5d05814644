"""A good suite, frozen: what is inherited, defaulted, resolved, kept."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec import structs

from evalkit.errors import UsageError
from evalkit.suites.load import Known, as_guard, load_suite
from evalkit.suites.prompts import Renderer, render
from evalkit.suites.schema import json_schema
from evalkit.types import GuardSpec, Message

CANDIDATE = 'candidate: {backend: openai_compatible, base_url: "http://127.0.0.1:8000/v1", model: tuned}'


def test_everything_of_a_good_suite(folder):
    suite = folder.load()
    assert (suite.name, suite.path, suite.root) == ("tickets", Path("suite.yaml"), folder.path)
    assert [sample.id for sample in suite.samples] == ["t1", "t2", "t3"]
    assert suite.samples[1].target == {"intent": "delivery"}
    assert suite.samples[1].slices == {"lang": "de"}
    assert list(suite.models) == ["baseline", "candidate"]
    assert suite.models["candidate"].model == "tuned"
    assert suite.models["baseline"].generation.max_tokens == 64
    assert suite.metrics[0].options == {"average": "macro"}
    assert suite.metrics[1].options["schema"]["required"] == ["intent"]
    assert suite.gate.guards == (GuardSpec(metric="schema", margin=1.0, line=20),)
    assert (suite.gate.alpha, suite.gate.primary.min_delta) == (0.05, 5.0)
    assert suite.is_locked is False
    assert suite.warnings == ()
    assert suite.declared["gate"]["primary"] == {"metric": "intent_f1", "min_delta": 5.0}


def test_lines_point_into_the_file(folder):
    suite = folder.load()
    lines = (folder.path / "suite.yaml").read_text().splitlines()
    assert lines[suite.models["candidate"].line - 1].startswith("  candidate:")
    assert lines[suite.metrics[1].line - 1].startswith("  - {name: schema")
    assert lines[suite.gate.line - 1] == "gate:"
    assert lines[suite.gate.primary.line - 1].startswith("  primary:")
    assert suite.gate.slices.line is None


def test_digests_cover_every_file_read(folder):
    digests = folder.load().digests
    assert sorted(digests) == ["prompts/triage.md.j2", "samples.jsonl", "schema.json"]
    for name, digest in digests.items():
        assert hashlib.sha256((folder.path / name).read_bytes()).hexdigest() == digest


def test_messages_are_rendered_without_the_files_last_line_break(folder):
    suite = folder.load()
    expected = (
        Message(role="system", content="Label the ticket."),
        Message(role="user", content="Ticket:\nDas Paket fehlt."),
    )
    assert render(suite.models["baseline"], suite.samples[1]) == expected
    assert Renderer(suite.models["candidate"]).messages(suite.samples[1]) == expected


def test_a_folder_stands_for_its_suite_yaml(folder):
    assert load_suite(folder.path).name == "tickets"


def test_literal_text_where_text_is_asked_for(folder):
    folder.edit("name: tickets", "name: 1.10")
    folder.edit("lang]", "no, on]")
    folder.edit('"lang"', '"no": 1, "on"', "samples.jsonl")
    folder.edit("average: macro", "average: macro, labels: [1, 2.0, true, no, x]")
    suite = folder.load()
    assert suite.name == "1.10"
    assert suite.samples[0].slices == {"no": "1", "on": "en"}
    assert suite.metrics[0].options["labels"] == ["1", "2.0", "true", "no", "x"]
    assert suite.declared["name"] == "1.10"


def test_a_side_overrides_the_dataset(folder):
    own = (
        '{backend: local, model: m, system: null, prompt: "{{ text|upper }}", generation: {max_tokens: 9, seed: null}}'
    )
    folder.edit(CANDIDATE, f"candidate: {own}")
    candidate = folder.load().models["candidate"]
    assert candidate.prompt.system is None
    assert candidate.generation.max_tokens == 9
    assert candidate.generation.seed is None
    assert candidate.generation.temperature == 0.0
    assert [m.content for m in render(candidate, folder.load().samples[0])] == ["MY CARD WAS CHARGED TWICE."]


def test_a_side_may_ask_by_chat_where_the_dataset_asks_by_prompt(folder):
    rows = [
        {
            "ticket_id": i,
            "text": "t",
            "label": {"intent": "a"},
            "lang": "en",
            "chat": [{"role": "user", "content": "c"}],
        }
        for i in range(3)
    ]
    folder.write("samples.jsonl", "\n".join(map(json.dumps, rows)))
    folder.edit("model: tuned}", "model: tuned, messages: chat}")
    candidate = folder.load().models["candidate"]
    assert (candidate.prompt.template, candidate.prompt.messages_field) == (None, "chat")


def test_generation_schema_is_read_and_can_be_taken_off(folder):
    folder.edit("max_tokens: 64", "max_tokens: 64, response_schema: schema.json")
    folder.edit("model: tuned}", "model: tuned, generation: {response_schema: null}}")
    suite = folder.load()
    assert suite.models["baseline"].generation.response_schema["type"] == "object"
    assert suite.models["candidate"].generation.response_schema is None


def test_a_chat_without_target_column_answers_itself(folder):
    chat = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "gold"}]
    folder.write("samples.jsonl", json.dumps({"chat": chat}))
    text = (folder.path / "suite.yaml").read_text()
    tail = text.partition("models:")[2]
    folder.write(
        "suite.yaml", f"version: 1\nname: chat\ndataset: {{path: samples.jsonl, messages: chat}}\nmodels:{tail}"
    )
    (sample,) = folder.load().samples
    assert sample.target == "gold"
    assert len(sample.id) == 16


def test_fewshot_in_file_order_with_targets_as_json(folder):
    folder.edit("  target: label", "  target: label\n  fewshot: {path: shots.jsonl, k: 2}")
    shots = folder.load().models["baseline"].prompt.shots
    assert shots[0] == (
        Message(role="user", content="Ticket:\nPlease refund me."),
        Message(role="assistant", content='{"intent": "billing"}'),
    )
    assert shots[1][0].content == "Ticket:\nMy parcel is late."


def test_fewshot_choice_follows_the_seed(folder):
    rows = [{"text": f"shot {i}", "label": f"ü{i}"} for i in range(30)]
    folder.write("shots.jsonl", "\n".join(map(json.dumps, rows)))
    folder.edit("  target: label", "  target: label\n  fewshot: {path: shots.jsonl, k: 3, seed: 1}")
    first = folder.load().models["baseline"].prompt.shots
    assert folder.load().models["baseline"].prompt.shots == first
    assert folder.load(overrides=["dataset.fewshot.seed=2"]).models["baseline"].prompt.shots != first
    assert [shot[1].content[0] for shot in first] == ["ü"] * 3


def test_slices_clusters_and_times_become_text(folder):
    folder.edit("slices: [lang]", "slices: [lang, label.intent, customer]\n  cluster: customer\n  time: lang")
    folder.write(
        "samples.jsonl",
        '{"ticket_id": 1, "text": "x", "label": {"intent": "a"}, "lang": null, "customer": 7}\n'
        '{"ticket_id": 2, "text": "x", "label": {"intent": "b"}, "lang": "de", "customer": true}\n'
        '{"ticket_id": 3, "text": "x", "label": {"intent": "b"}}\n',
    )
    first, second, third = folder.load().samples
    assert (first.id, first.cluster, first.time) == ("1", "7", None)
    assert first.slices == {"lang": "(none)", "label.intent": "a", "customer": "7"}
    assert (second.cluster, second.time) == ("true", "de")
    assert (third.cluster, third.slices["customer"]) == (None, "(none)")


def test_limit_is_a_stable_part_in_file_order(folder):
    rows = [{"ticket_id": f"t{i:03}", "text": "x", "label": {"intent": "a"}, "lang": "en"} for i in range(100)]
    folder.write("samples.jsonl", "\n".join(map(json.dumps, rows)))
    ids = [sample.id for sample in folder.load(limit=10).samples]
    assert len(ids) == 10
    assert ids == sorted(ids)
    assert ids != [row["ticket_id"] for row in rows[:10]]
    assert ids == [sample.id for sample in folder.load(limit=10).samples]
    assert set(ids) < {sample.id for sample in folder.load(limit=20).samples}
    assert len(folder.load(limit=1000).samples) == 100


def test_a_limit_that_leaves_no_row_out_is_none(folder):
    assert [folder.load(limit=n).is_part for n in (2, 3, 1000)] == [True, False, False]
    assert folder.load().is_part is False


def test_limit_must_be_positive(folder):
    with pytest.raises(UsageError, match="--limit 0"):
        folder.load(limit=0)


def test_options_of_a_plugin_backend_pass_through(folder):
    folder.edit(CANDIDATE, "candidate: {backend: mine, model: m, adapter: prompts, speed: 3, args: {a: [1, no]}}")
    with pytest.raises(UsageError, match="there is no backend 'mine'"):
        folder.load()
    candidate = folder.load(known=Known(backends=frozenset({"mine", "openai_compatible"}))).models["candidate"]
    assert candidate.options == {"speed": 3, "args": {"a": [1, "no"]}}
    assert candidate.adapter == folder.path / "prompts"


def test_metric_types_of_plugins_keep_their_options(folder):
    folder.edit("type: f1, average: macro", "type: mine, depth: 3")
    assert folder.load(known=Known(metric_types=frozenset({"mine"}))).metrics[0].options == {"depth": 3}


def test_weights_may_lie_outside_the_tree(folder):
    outside = folder.path.parent / "weights"
    outside.mkdir()
    (outside / "m.gguf").write_bytes(b"GGUF")
    folder.edit(CANDIDATE, "candidate: {backend: local, model: ../weights/m.gguf, adapter: ../weights, slots: 4}")
    candidate = folder.load().models["candidate"]
    assert candidate.model == str(outside / "m.gguf")
    assert candidate.adapter == outside
    assert candidate.options == {"slots": 4}


def test_recorded_answers_need_no_prompt(folder):
    folder.write("answers.jsonl", '{"id": "t1", "output": "x"}\n')
    folder.edit("  prompt: prompts/triage.md.j2\n", "")
    folder.edit(
        'backend: openai_compatible, base_url: "http://127.0.0.1:8000/v1", model: base',
        "backend: outputs, path: answers.jsonl",
    )
    folder.edit(
        CANDIDATE, "candidate: {backend: outputs, path: answers.jsonl, price: {input: 1, output: 2, as_of: 2026-11-01}}"
    )
    suite = folder.load()
    assert suite.models["candidate"].path == folder.path / "answers.jsonl"
    assert suite.models["candidate"].price.as_of == "2026-11-01"


def test_what_is_read_but_not_acted_on_is_said(folder):
    folder.edit(
        "gate:",
        "checks: {group_keys: [customer], freshness: {production: logs.jsonl}}\neconomics: {training_usd: 200}\ngate:",
    )
    folder.edit("  id: ticket_id\n", "")
    folder.edit('"ticket_id"', '"id"', "samples.jsonl")
    folder.edit("Label the ticket.", '"Label {{ text }}."')
    warnings = folder.load().warnings
    assert not any("freshness" in warning for warning in warnings)  # `evalkit rot` reads the logs that it names
    assert warnings[0].startswith("checks.group_keys")
    assert "column 'id'" in warnings[1]
    assert "'{{'" in warnings[2]
    # Economics are acted on, as far as they go.
    assert "models.baseline.price and models.candidate.price and economics.requests_per_day" in warnings[3]


def test_training_data_patterns(folder):
    folder.write("train/a.jsonl", "{}")
    folder.write("train/b.jsonl", "{}")
    folder.edit(
        "gate:", "checks: {training_data: [train/*.jsonl, train/a.jsonl], contamination: {action: fail}}\ngate:"
    )
    suite = folder.load()
    assert [path.name for path in suite.training_data] == ["a.jsonl", "b.jsonl"]
    assert suite.contamination == "fail"


def test_default_margins(folder):
    folder.write("general/samples.jsonl", '{"q": "x", "a": "y"}\n')
    folder.write(
        "general/suite.yaml",
        "name: general\ndataset: {path: samples.jsonl, prompt: '{{ q }}', target: a}\n"
        "models: {baseline: {backend: local, model: m}, candidate: {backend: local, model: m}}\n"
        "metrics: [{name: accuracy, type: accuracy}]\ngate: {primary: {metric: accuracy}}\n",
    )
    folder.edit(
        "{metric: schema, margin: 1.0}",
        "{metric: schema}\n    - {suite: general/suite.yaml, metric: accuracy}\n"
        "    - {kind: latency}\n    - {kind: cost}",
    )
    schema, general, latency, cost = folder.load().gate.guards
    assert (schema.margin, general.margin, latency.max_ratio, cost.max_ratio) == (1.0, 3.0, 1.1, 1.25)
    assert folder.load(overrides=["gate.intent=regression"]).gate.guards[3].max_ratio == 1.0
    assert general.suite == folder.path / "general" / "suite.yaml"
    with pytest.raises(UsageError, match="no metric is named 'acc'"):
        folder.load(overrides=["gate.guards.1.metric=acc"])


def test_two_suites_may_guard_each_other(folder):
    text = (folder.path / "suite.yaml").read_text().replace("name: tickets", "name: other")
    folder.write("other.yaml", text.replace("{metric: schema, margin: 1.0}", "{suite: suite.yaml, metric: schema}"))
    folder.edit("{metric: schema, margin: 1.0}", "{suite: other.yaml, metric: schema}")
    assert folder.load().gate.guards[0].suite == folder.path / "other.yaml"


def test_as_guard_takes_the_main_suites_models_and_keeps_its_own_questions(folder):
    guard = folder.load()
    main = {
        role: structs.replace(spec, model="main", prompt=structs.replace(spec.prompt, system="main", template="x"))
        for role, spec in guard.models.items()
    }
    asked = as_guard(guard, main)
    assert asked.models["candidate"].model == "main"
    assert asked.models["candidate"].prompt == guard.models["candidate"].prompt
    assert asked.models["candidate"].generation == guard.models["candidate"].generation
    assert guard.models["candidate"].model == "tuned"


def test_overrides(folder):
    suite = folder.load(
        overrides=["gate.primary.min_delta=3.0", "metrics.0.average=micro", "name=1.10", "generation.seed="]
    )
    assert suite.gate.primary.min_delta == 3.0
    assert suite.metrics[0].options["average"] == "micro"
    assert suite.name == "1.10"
    assert suite.models["baseline"].generation.seed is None
    assert suite.declared["gate"]["primary"]["min_delta"] == 3.0
    assert folder.load(overrides=["gate.validity.min_n=3"]).gate.validity.min_n == 3
    assert folder.load(overrides=["dataset.slices=[lang, customer]"]).samples[0].slices == {
        "lang": "en",
        "customer": "7",
    }


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("gate", "--set gate: must look like key=value"),
        ("=3", "--set =3: must look like key=value"),
        (
            "gate.primary.metrc=x",
            "--set gate.primary.metrc=x: unknown key 'gate.primary.metrc' (did you mean 'metric'?)",
        ),
        ("gate.alpha=0.9", "--set gate.alpha=0.9: gate.alpha: must be less than 0.5, not 0.9"),
        ("metrics.9.type=f1", "--set metrics.9.type=f1: metrics is a list of 2"),
        ("metrics.x.type=f1", "--set metrics.x.type=f1: metrics is a list of 2"),
        ("name.x=1", "--set name.x=1: name is a value, not a mapping"),
        ("name=[1", "--set name=[1: this is not YAML"),
        ("name=!!python/name:os.system", "--set name=!!python/name:os.system: the tag"),
        ("dataset.path=../x.jsonl", "--set dataset.path=../x.jsonl: dataset.path: '../x.jsonl' leads outside"),
    ],
)
def test_bad_overrides_quote_themselves(folder, option, message):
    with pytest.raises(UsageError) as caught:
        folder.load(overrides=[option])
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    "option",
    [
        "models.candidate.api_key=opensesame",
        "models.candidate.api_key_env=sk-opensesame-0123",
        "models.candidate.base_url=http://me:opensesame@127.0.0.1/v1",
        "models.candidate.extra_body={password: opensesame}",
        "name.api_key=opensesame",
    ],
)
def test_a_secret_on_the_command_line_is_refused_and_not_repeated(folder, option):
    with pytest.raises(UsageError) as caught:
        folder.load(overrides=[option])
    assert "opensesame" not in str(caught.value)


def test_bytes_that_are_no_utf8(folder):
    good = (folder.path / "suite.yaml").read_bytes()
    folder.write("suite.yaml", b"\xef\xbb\xbf" + good.replace(b"\n", b"\r\n"))
    assert folder.load().name == "tickets"
    for content, message in [
        (good.decode().encode("utf-16"), "looks like UTF-16"),
        (good.decode().encode("utf-16-le"), "looks like UTF-16"),
        (good + b"# \xff", "suite.yaml:21:3: byte 0xff is not UTF-8"),
        (good + b"#" * 1_000_000, "larger than 1,000,000 bytes"),
    ]:
        folder.write("suite.yaml", content)
        with pytest.raises(UsageError, match=message):
            folder.load()


def test_a_suite_that_is_not_there(folder):
    with pytest.raises(UsageError, match=r"nowhere.yaml: there is no such file"):
        load_suite(Path("nowhere.yaml"))


def test_importing_the_package_stays_light():
    code = "import sys, evalkit.suites; print(sorted({'pydantic', 'yaml', 'jinja2'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_json_schema_lists_the_keys_editors_need():
    schema = json_schema()
    assert set(schema["required"]) == {"name", "dataset", "models", "metrics", "gate"}
    assert schema["additionalProperties"] is False
    json.dumps(schema)
