"""Prompts of text and whole fields are joined without a render, to the same letters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.suites.prompts import Composer
from evalkit.suites.sandbox import MAX_RENDERED, PromptEnvironment, fields_only, fill, join
from evalkit.types import Prompt

TEMPLATES = (
    "{{ a }}",
    "Say: {{ a }}\n{{ b }} !\n",
    "{# note #}{{ a }}{{ a }}",
    "{% raw %}{{ x }}{% endraw %} {{ b }}",
    "",
)
values = st.one_of(st.text(max_size=20), st.integers(), st.none(), st.lists(st.text(max_size=3)), st.booleans())


@pytest.mark.parametrize("template", TEMPLATES)
@given(row=st.fixed_dictionaries({"a": values, "b": values}))
def test_joined_is_what_a_render_gives(template, row):
    parts = fields_only(template)
    assert parts is not None
    rendered = fill(PromptEnvironment().from_string(template), row)
    assert join(parts, row) in {rendered, None}
    assert Composer(Prompt(template=template)).turns(row)[0][0].content == rendered
    if all(isinstance(value, str) for value in row.values()):
        assert join(parts, row) == rendered


@pytest.mark.parametrize(
    "template", ["{{ a.b }}", "{{ a|upper }}", "{% if a %}x{% endif %}", "{{ a ~ b }}", "{{ 'x' }}"]
)
def test_anything_more_is_rendered(template):
    assert fields_only(template) is None


def test_a_field_that_is_missing_or_too_long_is_left_to_the_render():
    parts = fields_only("{{ a }}")
    assert join(parts, {}) is None
    assert join(parts, {"a": "x" * (MAX_RENDERED + 1)}) is None
    with pytest.raises(Exception, match="no field 'a'"):
        Composer(Prompt(template="{{ a }}")).turns({})
