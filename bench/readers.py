"""200 people who read a running competition at the same time, while submissions come in and are scored.

Each has a connection of their own and up to 20 seconds for each page; some follow a submission's
event stream instead. Counted is every answer that is no 200, and every connection that fails.
"""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import time
from collections import Counter
from dataclasses import dataclass, field

import httpx

from bench.common import ADMIN, PASSWORD, platform, report, trivial_competition, uploaded_answers
from podium.client import Podium

READERS, FOLLOWERS = int(os.environ.get("READERS", "200")), 20
SECONDS = float(os.environ.get("READERS_SECONDS", "60"))
PAUSE = 20.0
PATIENCE = 30.0


@dataclass
class Seen:
    """What the readers got."""

    took: list[float] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    events: int = 0


async def _read(url: str, addresses: list[str], until: float, seen: Seen) -> None:
    async with httpx.AsyncClient(base_url=url, timeout=PATIENCE) as client:
        await asyncio.sleep(random.uniform(0, PAUSE))
        while time.monotonic() < until:
            address = random.choice(addresses)
            began = time.perf_counter()
            try:
                answer = await client.get(address)
                if answer.status_code != 200:
                    seen.faults[f"{answer.status_code} {address}"] += 1
            except httpx.HTTPError as error:
                seen.faults[f"{type(error).__name__} {address}"] += 1
            seen.took.append(time.perf_counter() - began)
            await asyncio.sleep(random.uniform(0, PAUSE))


async def _follow(url: str, token: str, submissions: list[int], until: float, seen: Seen) -> None:
    headers = {"Authorization": f"Token {token}"}
    async with httpx.AsyncClient(base_url=url, timeout=PATIENCE, headers=headers) as client:
        while time.monotonic() < until:
            address = f"/api/submissions/{submissions[-1]}/events/"
            try:
                async with client.stream("GET", address) as answer:
                    if answer.status_code != 200:
                        seen.faults[f"{answer.status_code} events"] += 1
                    async for line in answer.aiter_lines():
                        seen.events += line.startswith("event: ")
            except httpx.HTTPError as error:
                seen.faults[f"{type(error).__name__} events"] += 1
            await asyncio.sleep(random.uniform(0, PAUSE))


async def _submit(client: Podium, phase: int, keys: list[str], until: float, made: list[int]) -> None:
    for key in keys:
        if time.monotonic() > until:
            return
        made.append((await asyncio.to_thread(client.submit, phase, key)).id)
        await asyncio.sleep(1)


async def _together(url: str, client: Podium, competition: int, phase: int, keys: list[str]) -> tuple[Seen, list[int]]:
    token = httpx.post(f"{url}/api/api-token-auth/", data={"username": ADMIN, "password": PASSWORD}).json()["token"]
    addresses = [
        f"/competitions/{competition}/",
        f"/competitions/{competition}/results/",
        f"/competitions/{competition}/phases/",
        f"/api/competitions/{competition}/",
        f"/api/phases/{phase}/get_leaderboard/",
    ]
    seen, made = Seen(), [client.submit(phase, keys[0]).id]
    until = time.monotonic() + SECONDS
    await asyncio.gather(
        _submit(client, phase, keys[1:], until, made),
        *[_follow(url, token, made, until, seen) for _ in range(FOLLOWERS)],
        *[_read(url, addresses, until, seen) for _ in range(READERS - FOLLOWERS)],
    )
    return seen, made


def main() -> None:
    with platform() as up:
        client = up.administrator()
        competition = trivial_competition(up, client)
        phase = competition.phases[0].id
        keys = uploaded_answers(client, int(SECONDS))
        seen, made = asyncio.run(_together(up.url, client, competition.id, phase, keys))
        for submission in made:
            for _ in client.watch(submission, timeout=120):
                pass
        ended = Counter(client.submission(submission).status for submission in made)
        client.close()
    p50, p95 = statistics.median(seen.took), sorted(seen.took)[int(len(seen.took) * 0.95)]
    figures = {
        "answers": len(seen.took),
        "p50": p50,
        "p95": p95,
        "slowest": max(seen.took),
        "events": seen.events,
        "faults": dict(seen.faults),
        "submissions": dict(ended),
    }
    answered = f"{len(seen.took)} in {SECONDS:.0f} s, p50 {p50 * 1000:.0f} ms, p95 {p95 * 1000:.0f} ms"
    rows = [
        (f"{READERS} readers: answers", f"{answered}, the slowest {max(seen.took):.1f} s", ""),
        ("answers that were none", str(dict(seen.faults) or 0), "0"),
        ("submissions meanwhile", ", ".join(f"{count} {state}" for state, count in ended.items()), "all Finished"),
        ("events of streams", str(seen.events), ""),
    ]
    report("readers", rows, figures)


if __name__ == "__main__":
    main()
