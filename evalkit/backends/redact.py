"""Other people's error texts, made fit to be stored: no key, no prompt, not too long."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from urllib.parse import quote

CLIP_CHARACTERS = 400
_WINDOW = 20
"""So many characters in a row that also stand in the prompt are an echo of it."""
_TOKEN = re.compile(r"(?i)\b(?:bearer\s+\S+|(?:sk|pk|hf|gsk|key|xai)[-_][\w*.…-]{6,})")


def redact(text: str, *, key: str | None = None, prompts: Iterable[str] = ()) -> str:
    """`text` on one line of at most 400 characters, with keys and echoes of `prompts` replaced by what they were.

    A key is found as it is, percent-encoded, in base64 and by its first eight characters; anything that looks like
    a bearer token or a vendor's key goes too, whoever's it is.
    """
    clean = " ".join(text[: 50 * CLIP_CHARACTERS].split())
    clean = _TOKEN.sub("[key]", _without_key(clean, key) if key else clean)
    for prompt in prompts:
        clean = _without_echo(clean, " ".join(prompt.split()))
    return clean if len(clean) <= CLIP_CHARACTERS else clean[: CLIP_CHARACTERS - 1] + "…"


def _without_key(text: str, key: str) -> str:
    encoded = base64.b64encode(key.encode()).decode()
    for form in (key, quote(key, safe=""), encoded, encoded.rstrip("=")):
        text = text.replace(form, "[key]")
    # Providers echo the start of a wrong key ("sk-abcd1***"); eight characters are enough to narrow a search.
    return re.sub(re.escape(key[:8]) + r"[^\s\"',;]*", "[key]", text)


def _without_echo(text: str, prompt: str) -> str:
    """`text` with every run of 20 or more characters that also stands in `prompt` masked; short prompts whole."""
    size = min(_WINDOW, len(prompt))
    if size < 4 or len(text) < size:  # noqa: PLR2004 - "ok" in an error text is no echo of the prompt "ok"
        return text
    windows = {prompt[start : start + size] for start in range(len(prompt) - size + 1)}
    pieces: list[str] = []
    position = 0
    while position < len(text):
        end = position
        while text[end : end + size] in windows:
            end += 1
        if end > position:
            pieces.append("[prompt]")
            position = end + size - 1
        else:
            pieces.append(text[position])
            position += 1
    return "".join(pieces)
