"""A hostile template comes out as text or as a refusal: quickly, small, and without a trace of Python."""

import re
import time
import tracemalloc

import pytest
from suite_folder import CORPORA

from evalkit.errors import UsageError
from evalkit.suites.prompts import Composer, PromptError
from evalkit.suites.sandbox import MAX_RENDERED
from evalkit.types import Prompt

PAYLOADS = (CORPORA / "templates.txt").read_text(encoding="utf-8").splitlines()
ROW = {"text": "word " * 100, "label": {"intent": "billing", "items": "field", "tags": ["a"]}, "n": 3, "none": None}
LIMIT_S = 0.05
LIMIT_BYTES = 30_000_000
PYTHON = re.compile(r"<class|<function|<built-in|<bound|object at 0x|\bmappingproxy|__globals__':")


def attempt(template):
    """The text, or None where it was refused; and the CPU seconds that took."""
    started = time.thread_time()
    try:
        (message,) = Composer(Prompt(template=template)).turns(ROW)[0]
        text = message.content
    except PromptError:
        text = None
    return text, time.thread_time() - started


def test_there_are_at_least_forty_payloads():
    assert len(set(PAYLOADS)) >= 40


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_payload_is_harmless(payload):
    tries = [attempt(payload) for _ in range(2)]
    while min(spent for _, spent in tries) > LIMIT_S and len(tries) < 10:  # a busy machine slows some tries, not all
        tries.append(attempt(payload))
    assert min(spent for _, spent in tries) <= LIMIT_S
    text = tries[0][0]
    assert text is None or (len(text) <= MAX_RENDERED <= 1_000_000 and not PYTHON.search(text))
    tracemalloc.start()
    attempt(payload)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < LIMIT_BYTES


@pytest.mark.parametrize("payload", [p for p in PAYLOADS if "__" in p and "raw" not in p and "{#" not in p])
def test_a_way_into_python_is_refused(payload):
    assert attempt(payload)[0] is None


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_payload_in_a_sample_is_only_text(payload):
    (message,) = Composer(Prompt(template="A: {{ text }}")).turns({"text": payload})[0]
    assert message.content == f"A: {payload}"


@pytest.mark.parametrize(
    ("template", "place"),
    [
        ("{{ 'a' * 200000000 }}", "prompts/triage.md.j2:1"),
        ("ok\n{% for i in range(100000000) %}x{% endfor %}", "prompts/triage.md.j2:2"),
        ("ok\nok\n{{ text.__class__.__mro__ }}", "prompts/triage.md.j2:3"),
        ("{% include '/etc/passwd' %}", "prompts/triage.md.j2:1"),
        ("Label the ticket.", "prompts/triage.md.j2:1"),
        ("", "prompts/triage.md.j2:1"),
    ],
)
def test_a_bad_prompt_is_told_at_its_line(folder, template, place):
    folder.write("prompts/triage.md.j2", template)
    with pytest.raises(UsageError) as caught:
        folder.load()
    assert caught.value.diagnostics[0].where.startswith(place)
