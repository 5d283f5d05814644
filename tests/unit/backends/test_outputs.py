import asyncio
import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.backends.outputs import make, read_rows, recorded_ids
from evalkit.errors import NotRecorded, RecordedError, UsageError
from evalkit.types import Key, Message, ModelSpec, Params, Request, Usage


def write(tmp_path, *lines):
    path = tmp_path / "answers.jsonl"
    path.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines))
    return path


def ask(path, sample_id, repeat=0):
    backend = make(ModelSpec(role="baseline", backend="outputs", path=path), timeout_s=1.0)
    key = Key(suite="s", role="baseline", sample_id=sample_id, repeat=repeat)
    request = Request(key=key, messages=(Message(role="user", content="?"),), params=Params())

    async def main():
        await backend.open()
        return await backend.answer(request)

    return asyncio.run(main())


def test_an_answer_comes_back_as_recorded(tmp_path):
    usage = {"input_tokens": 3, "output_tokens": 1}
    path = write(tmp_path, {"id": "a", "output": "x", "finish": "length", "latency_s": 0.5, "usage": usage})
    response = ask(path, "a")
    assert (response.text, response.finish, response.latency_s) == ("x", "length", 0.5)
    assert response.usage == Usage(input_tokens=3, output_tokens=1)
    assert not response.is_cached


def test_token_counts_may_have_the_names_that_openai_gives_them(tmp_path):
    usage = {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}
    assert ask(write(tmp_path, {"id": "a", "output": "x", "usage": usage}), "a").usage == Usage(
        input_tokens=3, output_tokens=1
    )
    with pytest.raises(UsageError, match="prompt_tokens"):
        ask(write(tmp_path, {"id": "a", "output": "x", "usage": {"prompt_tokens": -1}}), "a")


def test_what_was_not_recorded_is_unknown_not_zero(tmp_path):
    response = ask(write(tmp_path, {"id": "a", "output": ""}), "a")
    assert (response.text, response.latency_s, response.usage) == ("", None, Usage())


def test_repeats_are_kept_apart(tmp_path):
    path = write(tmp_path, {"id": "a", "output": "0"}, {"id": "a", "output": "1", "repeat": 1})
    assert [ask(path, "a", repeat).text for repeat in (0, 1)] == ["0", "1"]
    with pytest.raises(NotRecorded, match="repeat 2"):
        ask(path, "a", 2)
    assert recorded_ids(path) == ("a",)


def test_a_missing_row_is_no_empty_answer(tmp_path):
    with pytest.raises(NotRecorded, match="'b'") as caught:
        ask(write(tmp_path, {"id": "a", "output": "x"}), "b")
    assert caught.value.kind == "not_recorded"


def test_a_recorded_error_is_a_failure(tmp_path):
    with pytest.raises(RecordedError, match="429 twice") as caught:
        ask(write(tmp_path, {"id": "a", "output": None, "error": "429 twice"}), "a")
    assert caught.value.kind == "recorded_error"


def test_identity_is_the_file(tmp_path):
    path = write(tmp_path, {"id": "a", "output": "x"})
    identity = asyncio.run(make(ModelSpec(role="baseline", backend="outputs", path=path), timeout_s=1.0).open())
    assert identity.is_fixed
    assert identity.weights_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_numbers_as_ids_and_blank_lines_and_a_byte_order_mark(tmp_path):
    path = write(tmp_path, "\ufeff" + json.dumps({"id": 7, "output": "x"}), "", "  ")
    assert ask(path, "7").text == "x"


def test_a_line_break_inside_the_text_ends_no_row(tmp_path):
    path = write(tmp_path, '{"id": "a", "output": "x\u2028y"}')
    assert ask(path, "a").text == "x\u2028y"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "not JSON"),
        ("[1]", "a row is an object"),
        ({"output": "x"}, "id is missing"),
        ({"id": "", "output": "x"}, "id: must be text"),
        ({"id": True, "output": "x"}, "id: must be text"),
        ({"id": "a"}, "output: must be text"),
        ({"id": "a", "output": 3}, "output: must be text"),
        ({"id": "a", "error": 3}, "error: must be text"),
        ({"id": "a", "output": "x", "finish": "bored"}, "finish: must be one of"),
        ({"id": "a", "output": "x", "latency_s": -1}, "latency_s"),
        ('{"id": "a", "output": "x", "latency_s": 1e999}', "too large for a number"),
        ('{"id": "a", "output": "x", "latency_s": NaN}', "NaN"),
        ('{"id": "a", "output": "x", "note": NaN}', "NaN is not JSON"),
        ({"id": "a", "output": "x", "repeat": 1.5}, "repeat"),
        ({"id": "a", "output": "x", "usage": 5}, "usage"),
        ({"id": "a", "output": "x", "usage": {"input_tokens": -1}}, "usage.input_tokens"),
        ("[" * 100_000, "deep"),
    ],
)
def test_a_malformed_row_is_named_with_its_line(tmp_path, line, words):
    path = write(tmp_path, {"id": "ok", "output": "x"}, line)
    with pytest.raises(UsageError, match=words) as caught:
        read_rows(path)
    (diagnostic,) = caught.value.diagnostics
    assert (diagnostic.line, diagnostic.path) == (2, str(path))
    assert len(diagnostic.source or "") <= 200


def test_two_answers_for_one_place_are_refused(tmp_path):
    path = write(tmp_path, {"id": "a", "output": "x"}, {"id": "b", "output": "x"}, {"id": "a", "output": "y"})
    with pytest.raises(UsageError, match="first is in line 1"):
        read_rows(path)


def test_many_mistakes_are_counted(tmp_path):
    with pytest.raises(UsageError, match="the same in 47 more lines: 4, 5, 6") as caught:
        read_rows(write(tmp_path, *["x"] * 50))
    assert len(caught.value.diagnostics) == 4


def test_an_empty_missing_or_binary_file_says_so(tmp_path):
    with pytest.raises(UsageError, match="no answers"):
        read_rows(write(tmp_path))
    with pytest.raises(UsageError, match="cannot be read"):
        read_rows(tmp_path / "nowhere.jsonl")
    (tmp_path / "b.jsonl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="UTF-8"):
        read_rows(tmp_path / "b.jsonl")


@pytest.mark.parametrize("changes", [{"path": None}, {"base_url": "http://x"}, {"options": {"batch": True}}])
def test_an_entry_it_cannot_act_on_is_a_usage_error(tmp_path, changes):
    values = {"role": "baseline", "backend": "outputs", "path": tmp_path / "a.jsonl", **changes}
    with pytest.raises(UsageError, match=r"models\.baseline"):
        make(ModelSpec(**values), timeout_s=1.0)


@given(text=st.text(st.characters(exclude_categories=[])))
def test_any_text_survives(tmp_path_factory, text):
    path = write(tmp_path_factory.mktemp("o"), {"id": "a", "output": text})
    assert read_rows(path)["a", 0].output == text
