"""rate.html: the blind page as one file that opens from disk and makes no request."""

from __future__ import annotations

import json

from markupsafe import Markup
from msgspec import to_builtins

from evalkit.report.rating.batch import Sheet
from evalkit.report.shell import asset, policy, template

SCRIPTS = ("sha256.js", "rating.js")
LONG_RUBRIC_CHARS = 1500
"""A longer rubric starts folded beside the answers; the first screen has shown it whole."""


def render_page(sheet: Sheet) -> bytes:
    """The page as UTF-8; equal sheets give equal bytes. It holds no model's name, no sample's id and no key.

    The page's policy allows its own script and style only, and every text of a model or a rubric is set as text.
    """
    style = Markup(asset("report.css") + asset("rating.css"))  # noqa: S704 - our own files
    script = Markup("\n".join(['"use strict";', "(() => {", *map(asset, SCRIPTS), "})();"]))  # noqa: S704 - ours
    told = json.dumps({"batch": sheet.batch, "items": [to_builtins(item) for item in sheet.items]}, ensure_ascii=False)
    page = template("rating.html.j2").render(
        style=style,
        script=script,
        policy=policy(style, script),
        rubric=sheet.rubric,
        is_long=len(sheet.rubric) > LONG_RUBRIC_CHARS,
        n=len(sheet.items),
        sheet=Markup(told.replace("<", "\\u003c")),  # noqa: S704 - JSON in which nothing can end the element
    )
    return page.encode("utf-8")
