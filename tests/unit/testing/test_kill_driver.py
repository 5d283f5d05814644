import random
import sys
import time
from pathlib import Path

from evalkit.testing import KillDriver, ScriptedServer

CLIENT = """
import http.client, json, sys
connection = http.client.HTTPConnection("127.0.0.1", {port})
for n in range({count}):
    body = json.dumps({{"model": "base", "messages": [{{"role": "user", "content": str(n)}}]}})
    connection.request("POST", "/v1/chat/completions", body)
    connection.getresponse().read()
    print(n, flush=True)
"""
PARENT = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"


def driver(server, count, before=""):
    code = before + CLIENT.format(port=server.port, count=count)
    return KillDriver([sys.executable, "-c", code], server, rng=random.Random(3))  # noqa: S311 - no secret


def test_kills_at_the_drawn_answer():
    with ScriptedServer() as server:
        driven = driver(server, 1_000_000)
        killed = [driven.kill_within(20) for _ in range(3)]
    assert not any(k.is_vacuous for k in killed)
    assert all(k.answered >= k.at for k in killed)
    assert len({k.at for k in killed}) > 1
    assert all(k.output.startswith("0\n") for k in killed if k.at > 1)


def test_says_when_it_was_too_late():
    with ScriptedServer() as server:
        killed = driver(server, 2).kill_within(10_000)
        assert killed.is_vacuous
        assert (killed.returncode, killed.sent) == (0, 2)


def test_finishes_and_counts():
    with ScriptedServer() as server:
        done = driver(server, 5).finish()
    assert (done.returncode, done.answered, done.sent) == (0, 5, 5)


def test_ends_and_reports_orphans():
    with ScriptedServer() as server:
        driven = driver(server, 1_000_000, before=PARENT)
        driven.kill_within(3, grace_s=0.1)
    (orphan,) = driven.orphans
    deadline = time.monotonic() + 30
    while is_alive(orphan) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not is_alive(orphan)


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
