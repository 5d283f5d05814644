"""pydantic-evals with the OpenAI SDK on the benchmark's samples; runs in the peer's own virtual environment.

    python peer_pydantic_evals.py SAMPLES BASE_URL CONCURRENCY [aiohttp]

Settings: the SDK's own transport or its optional aiohttp one, no display of progress, equality as the only evaluator,
and the dataset evaluated with `max_concurrency`. Prints the share of right answers.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from openai import AsyncOpenAI, DefaultAioHttpClient  # type: ignore[import-not-found]
from pydantic_evals import Case, Dataset  # type: ignore[import-not-found]
from pydantic_evals.evaluators import EqualsExpected  # type: ignore[import-not-found]


async def main(rows: list[dict[str, str]], base_url: str, concurrency: int, *, on_aiohttp: bool) -> None:
    """Asks, scores and prints."""
    cases = [Case(name=row["id"], inputs=row["text"], expected_output=row["label"]) for row in rows]
    dataset = Dataset(name="benchmark", cases=cases, evaluators=[EqualsExpected()])
    transport = DefaultAioHttpClient() if on_aiohttp else None
    async with AsyncOpenAI(base_url=base_url, api_key="none", http_client=transport) as client:

        async def ask(text: str) -> str:
            reply = await client.chat.completions.create(
                model="base", messages=[{"role": "user", "content": text}], temperature=0, max_tokens=16
            )
            return reply.choices[0].message.content or ""

        report = await dataset.evaluate(ask, max_concurrency=concurrency, progress=False)
    right = sum(all(found.value for found in case.assertions.values()) for case in report.cases)
    print(json.dumps({"score": right / len(rows), "failures": len(report.failures)}))


if __name__ == "__main__":
    read = [json.loads(line) for line in Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()]
    asyncio.run(main(read, sys.argv[2], int(sys.argv[3]), on_aiohttp="aiohttp" in sys.argv[4:]))
