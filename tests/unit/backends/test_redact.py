import base64
from urllib.parse import quote

import pytest

from evalkit.backends.http.redact import CLIP_CHARACTERS, redact

KEY = "tok/9f8e7d6c5b4a+32=10"
PROMPT = "Patient 4711 reports chest pain\nsince Monday morning."


@pytest.mark.parametrize(
    "form",
    [
        KEY,
        quote(KEY, safe=""),
        base64.b64encode(KEY.encode()).decode(),
        KEY[:8] + "****10",
        KEY[:10],
    ],
)
def test_the_key_goes_in_every_form(form):
    text = redact(f'bad key "{form}" for you', key=KEY)
    assert form not in text
    assert KEY[:8] not in text
    assert text.startswith("bad key")
    assert text.endswith("for you")


@pytest.mark.parametrize("token", ["sk-abcdef123456", "Bearer abc.def", "hf_abcdefgh1234", "sk-ab****wxyz"])
def test_what_looks_like_a_key_goes_whoever_owns_it(token):
    assert token.split()[-1] not in redact(f"wrong: {token}")


@pytest.mark.parametrize(
    "echo", [PROMPT, " ".join(PROMPT.split()), "Patient 4711 reports chest", "reports chest pain since Mon"]
)
def test_the_prompt_goes_also_in_part(echo):
    text = redact(f"cannot render: {echo}; try again", prompts=[PROMPT])
    assert text.replace(": [", ":[") == "cannot render:[prompt]; try again"


def test_a_short_prompt_goes_whole():
    assert redact("invalid input 'my pin 1234'", prompts=["my pin 1234"]) == "invalid input '[prompt]'"


def test_the_providers_own_words_stay():
    words = "This model's maximum context length is 4096 tokens."
    assert redact(words, key=KEY, prompts=[PROMPT, "", "ok"]) == words


def test_one_line_of_bounded_length():
    text = redact("a\n b " * 100_000)
    assert len(text) == CLIP_CHARACTERS
    assert "\n" not in text
    assert text.endswith("…")


def test_a_very_short_key_takes_no_other_words_with_it():
    assert redact("the server said no to key", key="x1") == "the server said no to key"
