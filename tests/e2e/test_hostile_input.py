"""Bad input as a user meets it: `evalkit run` says what is wrong and where, asks nothing and leaves nothing behind."""

import gzip
import importlib.util
import json
import os
import runpy
import struct
from pathlib import Path

import pytest
from suite_folder import BASE, CORPORA
from watch import listening

from evalkit.cli.app import execute

golden = runpy.run_path(str(CORPORA.parent / "golden" / "suites" / "test_suite_messages.py"))
YAML = (BASE / "suite.yaml").read_text(encoding="utf-8")
ROWS = (BASE / "samples.jsonl").read_text(encoding="utf-8")
LINES = ROWS.splitlines()
S, D, P, J = "suite.yaml", "samples.jsonl", "prompts/triage.md.j2", "schema.json"


def row(identity):
    return f'{{"ticket_id": {identity}, "text": "x", "label": {{"intent": "a"}}, "lang": "en"}}\n'


CASES = {
    "yaml-utf16": (S, YAML.encode("utf-16"), "suite.yaml: this is not UTF-8 text: it looks like UTF-16"),
    "yaml-utf16-no-mark": (S, YAML.encode("utf-16-le"), "suite.yaml: this is not UTF-8 text: it looks like UTF-16"),
    "yaml-utf32": (S, YAML.encode("utf-32"), "suite.yaml: this is not UTF-8 text"),
    "yaml-latin1": (S, f"{YAML}description: café\n".encode("latin-1"), "suite.yaml:21:17: byte 0xe9 is not UTF-8"),
    "yaml-nul": (S, YAML.encode() + b"x: \0", "suite.yaml:21:4: the control character U+0000"),
    "yaml-10-mb": (S, YAML.encode() + b"# x\n" * 2_500_000, "suite.yaml: the file is larger than 1,000,000 bytes"),
    "yaml-deep": (S, YAML + "x: " + "[" * 100_000, "suite.yaml:21:24: nested deeper than 20 levels"),
    "yaml-1e999": (S, YAML.replace("64", "1e999"), "suite.yaml:13:42: 1e999 is not a finite number"),
    "yaml-half": (S, YAML + 'description: "\\ud800"\n', "suite.yaml:21:17: this is not YAML: found invalid Unicode"),
    "yaml-raw-half": (S, YAML.encode() + b"d: \xed\xa0\x80\n", "suite.yaml:21:4: byte 0xed is not UTF-8"),
    "yaml-share": (S, YAML.replace("5.0", "0.05"), "suite.yaml:18:43: gate.primary.min_delta: 0.05 points; did you"),
    "data-utf16": (D, ROWS.encode("utf-16"), "samples.jsonl:1: this is not UTF-8 text: it looks like UTF-16"),
    "data-utf16-no-mark": (D, ROWS.encode("utf-16-be"), "samples.jsonl:1: this is not UTF-8 text"),
    "data-latin1": (D, ROWS.encode() + row('"café"').encode("latin-1"), "samples.jsonl:4:19: byte 0xe9 is not UTF-8"),
    "data-comma": (D, ",\n".join(LINES), "samples.jsonl:1:119: a comma after the row"),
    "data-array": (D, "[\n" + ",\n".join(LINES) + "\n]", "samples.jsonl:1:1: this is a JSON array"),
    "data-pretty": (D, json.dumps(json.loads(LINES[0]), indent=1), "samples.jsonl:1:1: this is a JSON object"),
    "data-cr": (D, ROWS.replace("\n", "\r"), "samples.jsonl:1:120: the lines end with \\r alone"),
    "data-quotes": (D, ROWS.replace('"', "'"), "samples.jsonl:1:2: this is not JSON: names and texts stand in double"),
    "data-csv-inside": (D, "ticket_id,text\n1,x\n", "samples.jsonl:1:1: this is not JSON: expecting value"),
    "data-gzip-inside": (D, gzip.compress(ROWS.encode(), mtime=0), "samples.jsonl:1: this is a gzip file"),
    "data-zip": (D, b"PK\x03\x04\0\0", "samples.jsonl:1: this is a zip file"),
    "data-parquet-inside": (D, b"PAR1\0\0", "samples.jsonl:1: this is a Parquet file"),
    "data-lfs": (D, "version https://git-lfs.github.com/spec/v1\n", "samples.jsonl:1: this is a Git LFS pointer"),
    "data-huge-line": (D, b'{"a": "' + b"x" * (17 << 20), "samples.jsonl:1: a line may hold 16 MiB"),
    "data-half-id": (D, ROWS + row('"\\ud800"'), "samples.jsonl:4:15: the id in 'ticket_id' must be a name"),
    "data-deep": (D, ROWS + "[" * 100_000, "samples.jsonl:4: nested too deeply"),
    "data-1e999": (D, ROWS + row("1e999"), "samples.jsonl:4:15: 1e999 is too large for a number"),
    "data-nan": (D, ROWS + row("NaN"), "samples.jsonl:4:15: NaN is not JSON"),
    "data-digits": (D, ROWS + row("9" * 5000), "samples.jsonl:4:15: a number has more than 1,000 digits"),
    "data-float-id": (D, ROWS + row("1.5"), "samples.jsonl:4:15: the id in 'ticket_id' must be text or a whole number"),
    "data-same-number": (D, row("7") + row('"7"'), "samples.jsonl:2:15: the id '7' was given to line 1 already"),
    "data-blank-id": (D, ROWS + row('"  "'), "samples.jsonl:4:15: the id in 'ticket_id' must be text"),
    "data-look-alike": (
        D,
        row('"a"') + row('"a "'),
        "samples.jsonl:2:15: the id 'a ' looks the same as that of line 1",
    ),
    "data-accents": (D, row('"é"') + row('"e\u0301"'), "samples.jsonl:2:15: the id 'e\u0301' looks the same as that"),
    "data-control-id": (D, ROWS + row('"a\\u0007"'), "samples.jsonl:4:15: the id in 'ticket_id' must be a name"),
    "data-long-id": (D, ROWS + row(f'"{"i" * 501}"'), "samples.jsonl:4:15: the id in 'ticket_id' must be a name"),
    "data-empty": (D, "", "samples.jsonl:1: the file holds no rows"),
    "data-only-mark": (D, b"\xef\xbb\xbf", "samples.jsonl:1: the file holds no rows"),
    "prompt-latin1": (P, b"caf\xe9 {{ text }}", "prompts/triage.md.j2:1:4: byte 0xe9 is not UTF-8"),
    "prompt-utf16": (P, "{{ text }}".encode("utf-16"), "prompts/triage.md.j2: this is not UTF-8 text"),
    "prompt-grows": (P, "{{ 'a' * 200000000 }}", "prompts/triage.md.j2:1:1: '*' works on numbers only"),
    "prompt-loops": (P, "{% for i in range(99999999) %}x{% endfor %}", "prompts/triage.md.j2:1:1: a range may hold"),
    "prompt-attribute": (P, "{{ text.__class__ }}", "prompts/triage.md.j2:1:1: not a prompt template: '__class__'"),
    "prompt-constant": (P, "Label it.", "prompts/triage.md.j2:1:1: the prompt fills in nothing from the row"),
    "schema-latin1": (J, b'{"title": "\xe9"}', "schema.json:1:12: byte 0xe9 is not UTF-8"),
    "schema-empty": (J, "", "schema.json:1: the file is empty"),
    "schema-twice": (J, '{"type": "object", "type": "array"}', "schema.json: the key 'type' is given twice"),
    "schema-type": (J, '{\n "type": "objekt"}', "schema.json:2:10: $.type: there is no type 'objekt'"),
    "schema-remote": (J, '{"$ref": "http://HOST/s.json"}', "schema.json:1:10: the reference 'http://"),
    "schema-lookahead": (J, '{"pattern": "^(?!x)"}', "schema.json:1:13: the pattern '^(?!x)' ($.pattern) is not"),
    "schema-circle": (J, '{"$ref": "#"}', "schema.json:1:10: the schema refers to itself in a circle"),
}


@pytest.fixture
def refused(folder, capsys):
    """Runs evalkit on the folder, checks that it refuses without a trace, and returns what it told."""

    def run(*arguments, code=2):
        before = sorted(folder.path.rglob("*"))
        assert execute(["run", "suite.yaml", *arguments]) == code
        out, told = capsys.readouterr()
        assert out == ""
        assert told.startswith("error: ") or code != 2
        assert "Traceback" not in told
        assert "This is a bug" not in told
        if code == 2:
            assert sorted(folder.path.rglob("*")) == before
        return told

    return run


@pytest.mark.parametrize("name", CASES)
def test_bad_input_is_told_with_its_place(folder, refused, name):
    file, content, message = CASES[name]
    with listening() as (host, knocks):
        folder.write(file, content.replace("HOST", host) if isinstance(content, str) else content)
        assert refused().removeprefix("error: ").startswith(message)
    assert knocks == []


@pytest.mark.parametrize("case", golden["CASES"], ids=lambda case: case.stem)
def test_every_case_of_the_corpus_is_refused_by_the_command(folder, refused, case):
    golden["build"](case, folder.path)
    expected = (CORPORA.parent / "golden" / "suites" / f"{case.stem}.txt").read_text(encoding="utf-8")
    visible = expected.translate({code: 0x2400 + code for code in range(32) if chr(code) not in "\t\n"})
    assert refused() == f"error: {visible}"


GOOD = {
    "byte-order-marks": lambda text: b"\xef\xbb\xbf" + text,
    "windows-lines": lambda text: text.replace(b"\n", b"\r\n"),
    "no-last-line-break": lambda text: text.rstrip(b"\n"),
}


@pytest.mark.parametrize("name", GOOD)
def test_what_is_harmless_is_accepted(folder, name):
    plain = folder.load()
    for file in (S, D, J, P):
        (folder.path / file).write_bytes(GOOD[name]((folder.path / file).read_bytes()))
    found = folder.load()
    assert [sample.fields for sample in found.samples] == [sample.fields for sample in plain.samples]
    assert found.models["baseline"].prompt.template == plain.models["baseline"].prompt.template


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
@pytest.mark.parametrize("file", [S, D, P, J])
def test_a_file_nobody_may_read_is_told(folder, refused, file):
    (folder.path / file).chmod(0)
    assert f"{file}: cannot be read: Permission denied" in refused()


RECORDED = [json.dumps({"id": f"t{i}", "output": "{}"}) for i in (1, 2, 3)]
ANSWERS = {
    "unknown": ([*RECORDED, '{"id": "t9", "output": "x"}'], "'t9': no sample of tickets is called that"),
    "twice": ([*RECORDED, RECORDED[0]], "answers.jsonl:4: a second answer for 't1'; the first is in line 1"),
    "blank": (['{"id": "t1 ", "output": "x"}'], "'t1 ' (did you mean 't1'?)"),
    "cut": ([*RECORDED[:2], RECORDED[2][:-9]], "answers.jsonl:3:"),
    "comma": ([f"{line}," for line in RECORDED], "answers.jsonl:1:29: a comma after the row"),
    "number": (['{"id": "t1", "output": 5}'], "answers.jsonl:1: output: must be text"),
    "no-output": (['{"id": "t1"}'], "answers.jsonl:1: output: must be text"),
    "key-twice": (
        ['{"id": "t1", "output": "a", "output": "b"}'],
        "answers.jsonl:1:29: the key 'output' is given twice",
    ),
    "other-name": (
        ['{"id": "t1", "answer": "a"}'],
        "the key output is missing (did you mean the one you call 'answer'?)",
    ),
    "other-id": (['{"sample": "t1", "output": "a"}'], "answers.jsonl:1: the key id is missing"),
    "time": (['{"id": "t1", "output": "a", "latency_s": -1}'], "answers.jsonl:1: latency_s"),
    "none": ([], "answers.jsonl:1: the file holds no answers"),
    "deep": (["[" * 100_000], "answers.jsonl:1: nested too deeply"),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_recorded_answers_that_do_not_fit_are_told(folder, refused, name):
    lines, message = ANSWERS[name]
    folder.write("answers.jsonl", "".join(f"{line}\n" for line in lines))
    side = "models.{}={{backend: outputs, path: answers.jsonl}}"
    told = refused("--set", side.format("baseline"), "--set", side.format("candidate"))
    assert message in told


def text(value):
    return struct.pack("<Q", len(value)) + value.encode()


def gguf(metadata, shapes, offset=0):
    """A GGUF file by hand: its header, and no weights."""
    data = b"GGUF" + struct.pack("<IQQ", 3, len(shapes), len(metadata))
    data += b"".join(text(name) + struct.pack("<I", 8) + text(value) for name, value in metadata.items())
    for name, shape in shapes.items():
        data += text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, 0, offset)
    return data


LORA = {"general.type": "adapter", "adapter.type": "lora", "general.architecture": "llama"}
PAIR = {"blk.0.attn_q.weight.lora_a": (64, 8), "blk.0.attn_q.weight.lora_b": (8, 32)}
ADAPTERS = {
    "text": ({"a.gguf": b"an adapter, honestly\n"}, "a.gguf is not a GGUF file"),
    "empty": ({"a.gguf": b""}, "a.gguf is not a GGUF file"),
    "cut": ({"a.gguf": gguf(LORA, PAIR)[:-40]}, "a.gguf is cut off"),
    "half-download": ({"a.gguf": gguf(LORA, PAIR, offset=1 << 20)}, "a.gguf is cut off"),
    "architecture": (
        {"a.gguf": gguf(LORA | {"general.architecture": "qwen2"}, PAIR)},
        "made for the architecture 'qwen2'",
    ),
    "size": (
        {"a.gguf": gguf(LORA, PAIR | {"blk.0.attn_q.weight.lora_a": (96, 8)})},
        "made for another size of model: blk.0.attn_q.weight is 64x32 here and 96x32 there",
    ),
    "layers": ({"a.gguf": gguf(LORA, {f"blk.9{name[5:]}": shape for name, shape in PAIR.items()})}, "does not have"),
    "nothing": ({"a.gguf": gguf(LORA, {})}, "changes nothing"),
    "a-model": ({"a.gguf": gguf({"general.architecture": "llama"}, {})}, "no LoRA adapter"),
    "peft": ({"adapter_model.safetensors": b"{}", "adapter_config.json": b"{}"}, "convert_lora_to_gguf.py"),
    "two": ({"a.gguf": b"", "b.gguf": b""}, "holds 2 .gguf files (a.gguf, b.gguf); name one of them"),
    "other": ({"README.md": b""}, "holds no .gguf file"),
}


@pytest.mark.skipif(importlib.util.find_spec("xllamacpp") is None, reason="needs the llama.cpp engine")
@pytest.mark.parametrize("name", ADAPTERS)
def test_an_adapter_that_does_not_fit_is_told_before_the_first_sample(folder, refused, name):
    files, message = ADAPTERS[name]
    folder.write("base.gguf", gguf({"general.architecture": "llama"}, {"blk.0.attn_q.weight": (64, 32)}))
    folder.write("answers.jsonl", "".join(f"{line}\n" for line in RECORDED))
    for file, content in files.items():
        folder.write(f"adapter/{file}", content)
    candidate = "models.candidate={backend: local, model: base.gguf, adapter: adapter}"
    baseline = "models.baseline={backend: outputs, path: answers.jsonl}"
    told = refused("--set", baseline, "--set", candidate, code=5)
    assert message in told
    assert not Path("reports").exists()
