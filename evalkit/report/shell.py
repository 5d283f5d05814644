"""What every page is made with: the style sheet and scripts of the package, its templates, and the page's policy."""

from __future__ import annotations

import base64
import functools
import hashlib
from importlib import resources

import jinja2


def asset(name: str) -> str:
    """A file of `report/assets`, as text."""
    return resources.files("evalkit.report").joinpath("assets", name).read_text(encoding="utf-8")


@functools.cache
def template(name: str) -> jinja2.Template:
    """A template of `report/templates`: what is put into it is escaped, and a name it lacks is an error."""
    return _environment().get_template(name)


@functools.cache
def _environment() -> jinja2.Environment:
    # One for all templates, so that what several of them import is compiled once.
    return jinja2.Environment(
        loader=jinja2.PackageLoader("evalkit.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


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
