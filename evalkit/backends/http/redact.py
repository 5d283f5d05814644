"""Other people's error texts, made fit to be stored: no key, no prompt, not too long."""

from __future__ import annotations

import base64
import functools
import json
import re
from collections.abc import Iterable
from urllib.parse import quote

CLIP_CHARACTERS = 400
_WINDOW = 20
"""So many characters in a row that also stand in the prompt are an echo of it."""
_SHORT_KEY = 5
"""Up to so many characters (keys of test servers), pieces of its base64 would be found in any text."""
_URL_SAFE = str.maketrans("+/", "-_")
_TOKEN = re.compile(r"(?i)\b(?:bearer\s+\S+|(?:sk|pk|hf|gsk|key|xai)[-_][\w*.…-]{6,})")


def redact(text: str, *, key: str | None = None, prompts: Iterable[str] = ()) -> str:
    """`text` on one line of at most 400 characters, with keys and echoes of `prompts` replaced by what they were.

    A key is found as it is, quoted, percent-encoded, in hex, in base64 and by its first eight characters; anything
    that looks like a bearer token or a vendor's key goes too, whoever's it is.
    """
    clean = " ".join(text[: 50 * CLIP_CHARACTERS].split())
    clean = _TOKEN.sub("[key]", _without_key(clean, key) if key else clean)
    for prompt in prompts:
        clean = _without_echo(clean, " ".join(prompt.split()))
    return clean if len(clean) <= CLIP_CHARACTERS else clean[: CLIP_CHARACTERS - 1] + "…"


def _without_key(text: str, key: str) -> str:
    for form in _encoded(key):
        text = form.sub("[key]", text)
    # Providers echo the start of a wrong key ("sk-abcd1***"); eight characters are enough to narrow a search.
    return re.sub(re.escape(key[:8]) + r"[^\s\"',;]*", "[key]", text)


@functools.lru_cache(maxsize=8)
def _encoded(key: str) -> tuple[re.Pattern[str], ...]:
    """What finds the key as it is, quoted, percent-encoded, in hex, and in base64 wherever in the text it began."""
    raw = key.encode()
    written = {key, repr(key)[1:-1], json.dumps(key)[1:-1], quote(key), quote(key, safe=""), raw.hex()}
    found = [re.compile(re.escape(form), re.IGNORECASE) for form in sorted(written, key=len, reverse=True)]
    for before in range(3) if len(raw) > _SHORT_KEY else ():
        # Of what base64 makes of the key behind 0, 1 or 2 other bytes, the characters that hold bits of the key only.
        whole = base64.b64encode(b"." * before + raw).decode()[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6]
        forms = (whole, whole.translate(_URL_SAFE))
        found += [re.compile(rf"[\w+/-]?{re.escape(form)}[\w+/=-]{{0,3}}") for form in forms]
    return tuple(found)


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
