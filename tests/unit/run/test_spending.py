"""The caps: what an answer counts for when the server tells all, tells of its prompt cache, or tells nothing."""

import pytest
from engines import Scripted, part, run
from msgspec import structs

from evalkit.errors import BudgetReached
from evalkit.run.plan import Part
from evalkit.run.progress import Progress
from evalkit.run.spending import Limits, Outlay, Spending, outlay_of
from evalkit.types import Key, Message, ModelIdentity, Params, Price, Request, Response, Usage

ASKED = Request(
    key=Key(suite="s", role="candidate", sample_id="1"),
    messages=(Message(role="user", content="x" * 285),),
    params=Params(max_tokens=50),
)
PRICE = Price(input=3.0, output=15.0, cached=0.3, cache_write=3.75)


def spending(**caps):
    return Spending(Limits(concurrency=1, timeout_s=1.0, **caps))


def test_money_is_counted_as_the_report_counts_it():
    usage = Usage(input_tokens=1_000, output_tokens=100, cached_tokens=600, cache_write_tokens=300)
    wanted = PRICE.usd(usage)
    spent = spending(max_usd=wanted * 1.0001)
    assert spent.answer(ASKED, usage, PRICE) == wanted
    assert spent.reached() is None
    tighter = spending(max_usd=wanted * 0.9999)
    tighter.answer(ASKED, usage, PRICE)
    assert tighter.reached() is not None


@pytest.mark.parametrize("caps", [{"max_tokens": 150}, {"max_usd": (100 * 3.0 + 50 * 15.0) / 1e6}])
def test_an_answer_without_counts_takes_the_most_it_may_have(caps):
    spent = spending(**caps)
    assert spent.answer(ASKED, Usage(), PRICE) == 0.0, "what is shown as spent is what is known"
    assert spent.reached() is not None
    assert outlay_of([ASKED], PRICE).tokens == 150, "as a batch is estimated"


def test_a_run_against_a_server_that_counts_nothing_ends_at_its_cap(tmp_path):
    backend = Scripted()
    backend.answer = _uncounted
    outcomes, error = run(tmp_path, part(backend, n=50, max_tokens=50), max_tokens=600)
    assert isinstance(error, BudgetReached)
    assert len(outcomes) <= 600 // 50 + 4


@pytest.mark.parametrize("usage", [Usage(), Usage(input_tokens=1_000, output_tokens=1_000)])
@pytest.mark.parametrize(
    "cap", [{"max_requests": 50}, {"max_tokens": 50 * 15 + 1}, {"max_usd": 50 * (10 * 3.0 + 5 * 15.0) / 1e6 * 1.001}]
)
@pytest.mark.parametrize("role", ["baseline", "candidate"])
def test_recorded_answers_take_nothing_of_a_cap(cap, usage, role):
    live = part(Scripted(), n=50, max_tokens=50, price=PRICE)
    recorded = structs.replace(
        live.sides[role], backend=Scripted(), identity=ModelIdentity(weights_sha256="file", is_fixed=True)
    )
    recorded.backend.answer = lambda request: _answer(request, usage)
    progress = Progress()
    work = Part(suite=live.suite, sides={**live.sides, role: recorded})
    outcomes, error = run(None, work, progress=progress, **cap)
    assert (error, len(outcomes)) == (None, 100)
    assert progress.side(role).usd == 0.0


@pytest.mark.parametrize(
    ("caps", "batch"),
    [
        ({"max_requests": 10}, Outlay(requests=8)),
        ({"max_tokens": 1_000}, Outlay(tokens=800)),
        ({"max_usd": 1.0}, Outlay(usd=0.8)),
    ],
)
def test_what_a_batch_will_take_is_spent_once_it_is_submitted(caps, batch):
    spent = spending(**caps)
    spent.commit(batch)
    assert spent.reached() is None
    with pytest.raises(BudgetReached, match="on top of what is spent by now"):
        spent.commit(batch)
    assert spent.reached() is None, "what was refused is not counted"
    spent.commit(structs.replace(batch, requests=batch.requests // 4, tokens=batch.tokens // 4, usd=batch.usd / 4))
    assert spent.reached() is not None
    spent.commit(Outlay())  # nothing to submit is nothing to refuse


def test_a_count_of_zero_is_a_count():
    spent = spending(max_tokens=50 + 100 + 1)
    spent.answer(ASKED, Usage(input_tokens=0), PRICE)
    spent.answer(ASKED, Usage(output_tokens=0), PRICE)
    assert spent.reached() is None
    spent.answer(ASKED, Usage(input_tokens=1, output_tokens=0), PRICE)
    assert spent.reached() is not None


@pytest.mark.parametrize(
    ("cap", "words"),
    [
        ({"max_tokens": 2_500_000}, "--max-tokens 2,500,000 is"),
        ({"max_usd": 0.00001}, "--max-usd 0.00001 is"),
        ({"max_usd": 5.0}, "--max-usd 5 is"),
    ],
)
def test_a_cap_is_named_as_a_person_writes_it(cap, words):
    spent = spending(**cap)
    spent.answer(ASKED, Usage(input_tokens=3_000_000, output_tokens=0), PRICE)
    assert words in str(spent.reached())


async def _uncounted(request):
    return await _answer(request, Usage())


async def _answer(request, usage):
    return Response(text=request.key.sample_id, finish="stop", usage=usage)
