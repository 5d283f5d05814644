"""Requests that met the time limit count with it: a side that is too slow to answer must not look fast."""

import math

import numpy as np
import pytest

from evalkit.costs.latency import latency_summary
from evalkit.run.side_log import SideLog
from evalkit.types import Failure, ModelSpec, Response, Scored

LATE = Failure(kind="timed_out", message="no answer within 30 s")
SCORE = Scored(metric="exact", value=1.0)


def answer(**changes):
    return Response(text="red", finish="stop", **{"latency_s": 2.0, "ttft_s": 0.5, **changes})


def logged(*answers, **options):
    log = SideLog(len(answers), 30.0)
    spec = ModelSpec(role="baseline", backend="openai_compatible", options=options)
    rows = [log.add([one], SCORE, spec) for one in answers]
    return list(log.latencies), list(log.first_tokens), rows


def test_the_time_limit_stands_for_an_answer_that_never_came():
    latencies, first_tokens, _ = logged(answer(), LATE, stream=True)
    assert latencies == [2.0, 30.0]
    assert first_tokens == [0.5, 30.0]


def test_other_failures_took_no_time_that_says_anything():
    latencies, first_tokens, _ = logged(Failure(kind="overloaded", message="busy"), stream=True)
    assert math.isnan(latencies[0])
    assert math.isnan(first_tokens[0])


def test_what_is_not_streamed_has_no_first_token():
    latencies, first_tokens, rows = logged(answer(ttft_s=None), LATE)
    assert latencies == [2.0, 30.0]
    assert all(map(math.isnan, first_tokens))
    assert all("ttft_s" not in row for row in rows)


def test_a_batch_is_not_timed():
    assert all(map(math.isnan, logged(LATE, batch=True)[0]))


def test_cached_answers_are_not_timed():
    latencies, first_tokens, rows = logged(answer(is_cached=True), stream=True)
    assert math.isnan(latencies[0])
    assert math.isnan(first_tokens[0])
    assert rows[0]["ttft_s"] == 0.5


@pytest.mark.parametrize(
    ("late", "told"),
    [(0, None), (1, "1 request counts with the time limit"), (1200, "1,200 requests count with the time limit")],
)
def test_the_note_says_how_many(late, told):
    note = latency_summary(np.full(200, 2.0), late)["note"]
    assert note is None if told is None else note.startswith(told)
