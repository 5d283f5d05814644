"""What every page is made with: the style sheet and scripts of the package, its templates, and the page's policy."""

from __future__ import annotations

import base64
import functools
import hashlib
from importlib import resources
from pathlib import Path

import jinja2

COMPILED = "compiled"
"""Where a wheel keeps the compiled templates, beside this module."""


def asset(name: str) -> str:
    """A file of `report/assets`, as text."""
    return resources.files("evalkit.report").joinpath("assets", name).read_text(encoding="utf-8")


@functools.cache
def template(name: str) -> jinja2.Template:
    """A template of `report/templates`: what is put into it is escaped, and a name it lacks is an error."""
    return _environment().get_template(name)


@functools.cache
def _environment() -> jinja2.Environment:
    # One for all templates, so that what several of them import is compiled once. A wheel holds them compiled already.
    compiled = Path(__file__).parent / COMPILED
    return _reading(jinja2.ModuleLoader(compiled) if compiled.is_dir() else jinja2.PackageLoader("evalkit.report"))


def _reading(loader: jinja2.BaseLoader) -> jinja2.Environment:
    return jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )


def compile_templates(templates: Path, target: Path) -> None:
    """Writes every template of a folder into `target` as a Python module, as `template` will look for it."""
    _reading(jinja2.FileSystemLoader(templates)).compile_templates(str(target), zip=None, ignore_errors=False)


def policy(style: str, script: str | None) -> str:
    """A Content-Security-Policy that allows this style sheet and this script (or none), and no request at all."""
    return "; ".join(
        (
            "default-src 'none'",
            *(() if script is None else (f"script-src 'sha256-{_sha256(script)}'",)),
            f"style-src 'sha256-{_sha256(style)}'",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
        )
    )


def _sha256(source: str) -> str:
    return base64.b64encode(hashlib.sha256(source.encode("utf-8")).digest()).decode("ascii")
