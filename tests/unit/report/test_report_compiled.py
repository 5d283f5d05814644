import sys
from pathlib import Path

import pytest

from evalkit.report import shell
from evalkit.report.html import render_html


@pytest.fixture
def anew():
    """Templates are looked up again before and after."""

    def forget():
        shell.template.cache_clear()
        shell._environment.cache_clear()

    forget()
    yield forget
    forget()


def test_a_page_from_compiled_templates_is_the_same_page(tmp_path, monkeypatch, anew, documents):
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    plain = render_html(*documents.make_documents("dont_ship", n=20))
    shell.compile_templates(Path(shell.__file__).with_name("templates"), tmp_path)
    monkeypatch.setattr(shell, "COMPILED", str(tmp_path))
    anew()
    assert render_html(*documents.make_documents("dont_ship", n=20)) == plain
    assert not shell._environment().loader.has_source_access, "they were read as compiled"


def test_a_template_that_cannot_be_compiled_is_no_wheel(tmp_path):
    (tmp_path / "bad.html.j2").write_text("{% if %}")
    with pytest.raises(Exception, match="Expected an expression"):
        shell.compile_templates(tmp_path, tmp_path / "out")
