"""A run whose answers are streamed: the time to the first token in every file it leaves, and never from the cache."""

from bench import scripted

N = 40


def models(base_url, **more):
    both = {"backend": "openai_compatible", "base_url": base_url, "stream": True}
    entries = {"baseline": both | {"model": "base"}, "candidate": both | {"model": "tuned"}}
    return {role: entry | more.get(role, {}) for role, entry in entries.items()}


def test_first_tokens_are_measured_compared_and_guarded(bench):
    gate = {
        "primary": {"metric": "exact", "min_delta": 5.0},
        "guards": [{"kind": "ttft", "stat": "p50", "max_ratio": 9.0}],
    }
    with scripted(20, N) as server:
        suite = bench.write_suite(server.base_url, n=N, models=models(server.base_url), gate=gate)
        first, again = bench.run(suite), bench.run(suite)
    live, cached = first.document["latency"], again.document["latency"]
    for role in ("baseline", "candidate"):
        told = live["ttft"][role]
        assert told["n"] == N
        assert 0.0 < told["p50_s"] <= told["p95_s"] <= live[role]["p95_s"]
        assert cached["ttft"][role]["p50_s"] is None
        assert "no live answer was streamed" in cached["ttft"][role]["note"]
    low, high = live["ttft"]["ratio"]["p50"]["ci95"]
    assert 0.0 < low <= live["ttft"]["ratio"]["p50"]["point"] <= high
    assert cached["ttft"]["ratio"] | {"note": ""} == {"n": 0, "p50": None, "p95": None, "note": ""}
    assert [guard["name"] for guard in first.document["guards"]] == ["p50 time to first token"]
    assert "times the baseline's" in first.document["guards"][0]["got"]
    assert again.document["guards"][0]["state"] == "not_measured"
    row = bench.rows(first.document)[0]["candidate"]
    assert 0.0 < row["ttft_s"] <= row["latency_s"]
    assert row["output_tokens"] == 1, "the counts come with the last event"
    folder = bench.folder / "reports" / "colours" / first.document["run"]
    assert "half of the first tokens within" in (folder / "report.html").read_text()


def test_a_stream_in_one_entry_only_is_told_and_changes_no_answer(bench):
    with scripted(20, N) as server:
        entries = models(server.base_url, candidate={"stream": False})
        ran = bench.run(bench.write_suite(server.base_url, n=N, models=entries))
        asked = len(server.ledger.chats)
        both = bench.run(bench.write_suite(server.base_url, n=N, models=models(server.base_url)))
    assert any("models.candidate.stream" in warning for warning in ran.document["warnings"])
    assert {"what": "answers streamed", "baseline": True, "candidate": False} in ran.document["differences"]
    assert ran.document["latency"]["ttft"]["candidate"]["n"] == 0
    assert ran.document["latency"]["ttft"]["ratio"]["p50"] is None
    assert bench.rows(ran.document)[0]["candidate"].get("ttft_s") is None
    assert len(server.ledger.chats) == asked, "the same question to the same model has the same fingerprint"
    assert both.document["outcomes"]["candidate"]["cached"] == N
