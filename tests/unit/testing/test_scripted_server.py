import http.client
import json
import threading
from collections import Counter

import pytest

from evalkit.testing import Rule, ScriptedServer, answers, cuts, drips, echoes, fails, hangs


def post(server, text, model="base", timeout=5.0):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=timeout)
    try:
        body = json.dumps({"model": model, "messages": [{"role": "user", "content": text}]})
        connection.request("POST", "/v1/chat/completions", body, {"authorization": "Bearer k"})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def said(server, text, **more):
    return json.loads(post(server, text, **more)[1])["choices"][0]["message"]["content"]


def test_without_rules_it_works():
    with ScriptedServer() as server:
        assert said(server, "hi") == "ok"
        (entry,) = server.ledger.chats
    assert (entry.model, entry.kind, entry.status, entry.is_completed) == ("base", "answer", 200, True)
    assert entry.messages == (("user", "hi"),)
    assert entry.has_key


def test_a_model_it_does_not_serve_is_a_404_that_names_the_others():
    with ScriptedServer(models=["one", "two"]) as server:
        status, body = post(server, "hi", model="three")
    assert status == 404
    assert b"one, two" in body


def test_first_rule_that_applies_wins_and_is_used_up():
    rules = [
        Rule(behaviour=answers("special"), match=lambda asked: asked.prompt == "a"),
        Rule(behaviour=fails(500), times=2),
        Rule(behaviour=echoes()),
    ]
    with ScriptedServer(rules) as server:
        assert said(server, "a") == "special"
        assert [post(server, "b")[0] for _ in range(3)] == [500, 500, 200]
        assert server.ledger.kinds() == Counter({"status_500": 2, "answer": 1, "echo": 1})


def test_times_each_counts_per_request():
    with ScriptedServer([Rule(behaviour=fails(429), times_each=1)]) as server:
        assert [post(server, text)[0] for text in ("a", "b", "a", "b")] == [429, 429, 200, 200]
        assert set(server.ledger.sends().values()) == {2}


def test_probability_draws_the_same_faults_in_any_order():
    texts = [f"q{n}" for n in range(60)]

    def failed(order):
        with ScriptedServer([Rule(behaviour=fails(500), probability=0.3)], seed=4) as server:
            return {text for text in order if post(server, text)[0] == 500}

    first = failed(texts)
    assert first == failed(list(reversed(texts)))
    assert 8 <= len(first) <= 28  # 18 expected, standard deviation 3.5


def test_in_flight_is_counted():
    with ScriptedServer([Rule(behaviour=answers(delay_s=0.3))]) as server:
        threads = [threading.Thread(target=post, args=(server, str(n))) for n in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert server.ledger.max_in_flight == 5
        post(server, "alone")
        assert server.ledger.chats[-1].in_flight == 1


def test_a_cut_or_hanging_request_is_not_completed():
    rules = [Rule(behaviour=cuts(150), times=1), Rule(behaviour=hangs())]
    with ScriptedServer(rules) as server:
        with pytest.raises((http.client.HTTPException, OSError)):
            post(server, "a")
        with pytest.raises(TimeoutError):
            post(server, "b", timeout=0.2)
        assert server.ledger.wait_for(lambda ledger: len(ledger.chats) == 2)
        assert [entry.is_completed for entry in server.ledger.chats] == [False, False]
        assert server.ledger.completed == 0


def test_a_drip_arrives_whole():
    with ScriptedServer([Rule(behaviour=drips("patience", pause_s=0.001, piece_bytes=7))]) as server:
        assert said(server, "a") == "patience"
        assert server.ledger.completed == 1


def test_keeps_the_connection():
    with ScriptedServer([Rule(behaviour=echoes())]) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
        for text in ("a", "b"):
            body = json.dumps({"model": "base", "messages": [{"role": "user", "content": text}]})
            connection.request("POST", "/v1/chat/completions", body)
            assert text in json.loads(connection.getresponse().read())["choices"][0]["message"]["content"]
            source = connection.sock.getsockname()
        assert connection.sock.getsockname() == source
        connection.close()


def test_the_ledger_is_also_a_file(tmp_path):
    path = tmp_path / "ledger.jsonl"
    with ScriptedServer(ledger_path=path) as server:
        post(server, "a")
    (line,) = path.read_text().splitlines()
    assert json.loads(line)["is_completed"] is True
    assert "Bearer" not in line


def test_the_port_is_free_again():
    with ScriptedServer() as server:
        port = server.port
        post(server, "a")
    with ScriptedServer(port=port) as server:
        assert said(server, "b") == "ok"


def test_other_routes():
    with ScriptedServer() as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
        found = {}
        for path in ("/health", "/v1/models", "/nowhere"):
            connection.request("GET", path)
            response = connection.getresponse()
            found[path] = response.status, response.read()
        connection.close()
    assert found["/health"][0] == 200
    assert [m["id"] for m in json.loads(found["/v1/models"][1])["data"]] == ["base", "tuned"]
    assert found["/nowhere"][0] == 404
