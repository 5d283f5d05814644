"""The key of an endpoint is sent to that endpoint and stands nowhere else, however the run ends."""

import base64
import gzip
import json
import re
import socket
from urllib.parse import quote

import pytest
from bench import label_of, number_in, right_below, side
from warm import Trap, warm

from evalkit.backends import chat_http
from evalkit.errors import ExecutionError
from evalkit.testing import Behaviour, Rule, ScriptedServer, answers, error_in_200, fails, hangs
from evalkit.testing.behaviours import MODELS_PATH
from evalkit.types import ModelSpec

__all__ = ["warm"]  # a fixture

KEY = "sk-S3nt!nel/Zq+9w=XyZ4'2kQ"
ENVIRONMENT = {"SENTINEL_KEY": KEY}
PACKED = re.compile(rb"H4sI[A-Za-z0-9+/=]{20,}")
"""gzip in base64, as the report carries its samples."""


def forms():
    """The key as it is and as it might come back: encoded, quoted, or only its beginning."""
    raw = KEY.encode()
    bearer = base64.b64encode(b"Bearer " + raw)
    # What every base64 of a text with the key in it has in common, by where in the text the key begins.
    shifted = [text[4:-4] for text in behind_other_bytes()]
    return {
        "raw": raw,
        "percent": quote(KEY, safe="").encode(),
        "percent, partly": quote(KEY).encode(),
        "base64": base64.b64encode(raw).rstrip(b"="),
        "base64url": base64.urlsafe_b64encode(raw).rstrip(b"="),
        "base64 of the header": bearer.rstrip(b"="),
        **{f"base64 after {pad} bytes": form for pad, form in enumerate(shifted)},
        "repr": repr(KEY)[1:-1].encode(),
        "json": json.dumps(KEY)[1:-1].encode(),
        "hex": raw.hex().encode(),
        "first eight": raw[:8],
    }


def behind_other_bytes():
    return [base64.b64encode(b"x" * pad + KEY.encode() + b"yy") for pad in range(3)]


ECHO = " ".join(
    [
        f"Incorrect API key provided: {KEY[:8]}***",
        f"authorization: Bearer {KEY}",
        *(form.decode() for name, form in forms().items() if "after" not in name),
        *(text.decode() for text in behind_other_bytes()),
        f"{{'authorization': {KEY!r}}}",
        f"https://user:{KEY}@host/v1",
    ]
)
BASE, TUNED = side("base", answers(right_below(10))), side("tuned", answers(lambda asked: label_of(number_in(asked))))


def on_models(behaviour):
    return Rule(behaviour=behaviour, path=MODELS_PATH)


def page(status):
    body = f"<html><body>{ECHO}</body></html>".encode()
    return Behaviour(kind="page", status=status, body=body, content_type="text/html")


ENDINGS = {
    "ship": ((), 0),
    "401-at-the-start": ((on_models(fails(401, ECHO)),), 5),
    "401-later": ((Rule(behaviour=fails(401, ECHO), match=lambda asked: asked.number > 20),), 5),
    "403-page": ((on_models(page(403)),), 5),
    "400-each": ((side("tuned", fails(400, ECHO)),), 4),
    "404-model": ((side("tuned", fails(404, ECHO, code="model_not_found")),), 5),
    "429-then-well": ((Rule(behaviour=fails(429, ECHO, headers={"retry-after": "0"}), times=3),), 0),
    "500-page-then-well": ((side("tuned", page(500), times=2),), 0),
    "error-in-200": ((side("tuned", error_in_200(ECHO)),), 4),
    "redirect": ((side("tuned", Behaviour(kind="moved", status=302, headers={"location": "/?" + quote(ECHO)})),), 4),
    "half-a-reply": ((side("tuned", Behaviour(kind="half", body=b'{"choices": [' + ECHO.encode())),), 4),
    "not-served": ((on_models(Behaviour(kind="models", body=b'{"data": [{"id": "other"}]}')),), 5),
    "stopped": ((Rule(behaviour=hangs(), match=lambda asked: asked.number > 20),), 130),
}


def hits(folder):
    """Every form of the key in every file of `folder`, the samples packed into reports included."""
    found = []
    for path in folder.rglob("*"):
        if not path.is_file():
            continue
        content = path.read_bytes()
        texts = [content, *(gzip.decompress(base64.b64decode(block)) for block in PACKED.findall(content))]
        found += [(path.name, name) for name, form in forms().items() for text in texts if form in text]
    return found


def keyed_suite(bench, base_url, **more):
    entry = {"backend": "openai_compatible", "base_url": base_url, "api_key_env": "SENTINEL_KEY"} | more
    models = {"baseline": entry | {"model": "base"}, "candidate": entry | {"model": "tuned"}}
    return bench.write_suite(base_url, 40, models=models, run={"concurrency": 4})


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_key_is_in_no_file_and_on_no_stream(bench, warm, ending):
    rules, code = ENDINGS[ending]
    with ScriptedServer([*rules, BASE, TUNED]) as server:
        child = warm.start(
            bench.folder, "run", keyed_suite(bench, server.base_url), "-v", "--json", "--no-cache", env=ENVIRONMENT
        )
        if ending == "stopped":
            assert server.ledger.wait_for(lambda seen: seen.kinds()["hang"] == 4)
            child.send("SIGINT")
            assert child.says("stopping", 5)
            child.send("SIGINT")
        assert child.wait() == code, child.err
        assert all(entry.has_key for entry in server.ledger.entries)
    # Streams are files of the folder here.
    assert hits(bench.folder) == []
    if code in {0, 4}:
        assert warm.start(bench.folder, "report", "colours", "--format", "html,csv,junit,markdown").wait() == 0
        assert hits(bench.folder) == []


def test_a_server_that_is_not_there_learns_and_leaves_nothing(bench, warm):
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    suite = keyed_suite(bench, f"http://127.0.0.1:{port}/v1")
    child = warm.start(bench.folder, "run", suite, "-v", env=ENVIRONMENT)
    assert child.wait() == 5
    assert "Is the server running?" in child.err
    assert hits(bench.folder) == []


def test_a_crash_inside_shows_where_and_not_what(bench, warm):
    # Where the header with the key is put together.
    with ScriptedServer([BASE, TUNED]) as server:
        suite = keyed_suite(bench, server.base_url)
        trap = Trap(file="backends/chat_http.py", function="_head", name="CRASH")
        child = warm.start(bench.folder, "run", suite, "-v", env=ENVIRONMENT, trap=trap)
        assert child.wait() == 5
    assert "Traceback" in child.err
    assert hits(bench.folder) == []


@pytest.mark.parametrize("name", [KEY, "sk_live_0123456789abcdef", "hf_abcdefghijklmnop"])
def test_a_key_where_its_variables_name_belongs_is_not_repeated(name):
    with pytest.raises(ExecutionError, match="name of an environment variable") as caught:
        chat_http.key_from(name)
    assert name not in str(caught.value)
    assert name[:8] not in str(caught.value)


def test_what_holds_the_key_does_not_show_it(monkeypatch):
    monkeypatch.setenv("SENTINEL_KEY", KEY)
    spec = ModelSpec(
        role="baseline",
        backend="openai_compatible",
        model="base",
        base_url="http://127.0.0.1:1/v1",
        api_key_env="SENTINEL_KEY",
    )
    backend = chat_http.make(spec, timeout_s=1.0)
    assert KEY not in repr(backend)
    assert KEY not in repr(backend._secrets)
    assert KEY not in repr(spec)
