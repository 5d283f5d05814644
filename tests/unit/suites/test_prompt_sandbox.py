"""The language of prompts: what it knows, how it refuses, and the turns it makes."""

import pytest

from evalkit.errors import UsageError
from evalkit.suites.prompts import Composer, PromptError, Renderer
from evalkit.suites.sandbox import MAX_RENDERED
from evalkit.types import Message, ModelSpec, Prompt, Sample

ROW = {
    "text": "word " * 100,
    "label": {"intent": "billing", "items": "field", "tags": ["a", "b"]},
    "n": 3,
    "none": None,
}


def fill(template, row=ROW):
    (message,) = Composer(Prompt(template=template)).turns(row)[0]
    return message.content


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ text|trim|upper|truncate(9) }}", "WORD..."),
        ("{{ label.intent }}", "billing"),
        ("{{ label['intent'] }}", "billing"),
        ("{{ label.items }}", "field"),
        ("{{ label.tags[1] }}", "b"),
        ("{{ label.tags.0 }}", "a"),
        ("{{ label.tags }}", '["a", "b"]'),
        ("{{ label|tojson }}", '{"intent": "billing", "items": "field", "tags": ["a", "b"]}'),
        ("{{ n + 1 }}/{{ n * 2 }}/{{ 7 % n }}/{{ n ** 2 }}", "4/6/1/9"),
        ("{{ 'n=' ~ n ~ '!' }}", "n=3!"),
        ("{{ 'a' + 'b' }}", "ab"),
        ("{{ '<b>' }}&{{ label.tags|join(' & ') }}", "<b>&a & b"),
        ("{% for tag in label.tags %}{{ loop.index }}{{ tag }}{% if not loop.last %},{% endif %}{% endfor %}", "1a,2b"),
        ("{% for key, value in label|items %}{{ key }} {% endfor %}", "intent items tags "),
        ("{% for i in range(3) if i != 1 %}{{ i }}{% else %}none{% endfor %}", "02"),
        ("{% if missing is defined %}x{% else %}y{% endif %}", "y"),
        ("{{ missing|default('d') }}", "d"),
        ("{% set x = n %}{% with y = x %}{{ y }}{% endwith %}", "3"),
        ("{{ 'a\nb'|indent(2) }}", "a\n  b"),
        ("{{ 1.256|round(1) }}", "1.3"),
        ("{{ 'aXbX'|replace('X', '-') }}", "a-b-"),
        ("{{ [{'k': 1}, {'k': 2}]|map(attribute='k')|join('+') }}", "1+2"),
        ("{{ [{'k': 1}]|join('', attribute='k') }}", "1"),
        ("{% filter upper %}abc{% endfilter %}{% set x %}{{ n }}{% endset %}{{ x }}", "ABC3"),
        ("one line\n", "one line"),
    ],
)
def test_the_language_that_is_left(template, text):
    assert fill(template) == text


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{ txt }}", "there is no field 'txt' in the row (did you mean 'text'?)"),
        ("{{ label.intnt }}", "there is no 'intnt' in the object (it has: intent, items, tags)"),
        ("{{ label.tags[9] }}", "there is no '9' in a list"),
        ("{{ text.upper }}", "there is no 'upper' in a text"),
        ("{{ txt ~ 'x' }}", "there is no field 'txt' in the row (did you mean 'text'?)"),
        ("{{ txt + 'x' }}", "there is no field 'txt' in the row (did you mean 'text'?)"),
        ("{% for x in txt %}{% endfor %}", "there is no field 'txt' in the row (did you mean 'text'?)"),
        ("{{ text|uper }}", "not a prompt template: no filter named 'uper'"),
        ("{{ text", "not a prompt template: unexpected end of template, expected 'end of print statement'."),
        ("{{ 'a' * 3 }}", "'*' works on numbers only; join texts with ~"),
        ("{{ text|_concat(text) }}", "not a prompt template: there is no filter '_concat'"),
        ("{% for i in [1] recursive %}x{% endfor %}", "not a prompt template: loops may not recurse"),
        ("{{ range(99999) }}", "a range may hold 10,000 numbers"),
        (
            "{{ text.upper() }}",
            "not a prompt template: 'upper' cannot be called: prompts know range() and filters, no methods",
        ),
    ],
)
def test_refusals_speak_plainly(template, message):
    with pytest.raises(PromptError) as caught:
        fill(template)
    assert caught.value.message.startswith(message)


def test_error_names_the_template_line():
    with pytest.raises(PromptError) as caught:
        fill("one\ntwo\n{{ txt }}\n")
    assert caught.value.line == 3


def test_rendered_size_is_capped_exactly():
    assert len(fill("{{ text }}", {"text": "x" * MAX_RENDERED})) == MAX_RENDERED
    with pytest.raises(PromptError, match="grows beyond"):
        fill("{{ text }}y", {"text": "x" * MAX_RENDERED})


def test_a_loop_over_a_long_field_is_fine():
    assert fill("{% for c in text %}{{ c }}{% endfor %}", {"text": "é" * 10_000}) == "é" * 10_000


def test_a_row_cannot_smuggle_a_budget():
    assert fill("{{ text }}", {"text": "x", "\0budget": "mine"}) == "x"


def spec(**prompt):
    return ModelSpec(role="baseline", backend="local", prompt=Prompt(**prompt))


def sample(**fields):
    return Sample(id="s", fields=fields)


def test_messages_are_system_then_shots_then_question():
    shots = ((Message(role="user", content="q1"), Message(role="assistant", content="a1")),)
    messages = Renderer(spec(system="S", template="Q: {{ q }}", shots=shots)).messages(sample(q="hi"))
    assert [(m.role, m.content) for m in messages] == [
        ("system", "S"),
        ("user", "q1"),
        ("assistant", "a1"),
        ("user", "Q: hi"),
    ]


CHAT = [
    {"role": "system", "content": "trained"},
    {"role": "user", "content": "q"},
    {"role": "assistant", "content": "a"},
    {"role": "user", "content": "q2"},
    {"role": "assistant", "content": "answer"},
]


def test_chat_turns_are_sent_up_to_the_last_question():
    messages = Renderer(spec(messages_field="chat")).messages(sample(chat=CHAT))
    assert [m.content for m in messages] == ["trained", "q", "a", "q2"]


def test_a_declared_system_turn_replaces_the_rows_own():
    messages = Renderer(spec(messages_field="chat", system="declared")).messages(sample(chat=CHAT))
    assert [m.content for m in messages] == ["declared", "q", "a", "q2"]


def test_shots_stand_after_the_rows_own_system_turn():
    shots = ((Message(role="user", content="sq"), Message(role="assistant", content="sa")),)
    messages = Renderer(spec(messages_field="chat", shots=shots)).messages(sample(chat=CHAT))
    assert [m.content for m in messages] == ["trained", "sq", "sa", "q", "a", "q2"]


@pytest.mark.parametrize(
    ("chat", "message"),
    [
        ("text", "holds no list"),
        ([], "holds no list"),
        (["x"], "turn 1: a turn is an object"),
        ([{"role": "bot", "content": "x"}], "the role must be one of"),
        ([{"role": "user", "content": None}], "the content must be text"),
        ([{"role": "assistant", "content": "x"}], "no user turn"),
    ],
)
def test_broken_chats_name_the_sample(chat, message):
    with pytest.raises(UsageError, match="sample 's'") as caught:
        Renderer(spec(messages_field="chat")).messages(sample(chat=chat))
    assert message in str(caught.value)
