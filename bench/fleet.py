"""A thousand simulated workers on one site with PostgreSQL: first idle, then with jobs and heartbeats.

Each worker is a long poll; whoever gets a job beats every two seconds while it "works", uploads an output and finishes.
Counted: requests that failed, attempts whose lease ran out (a late heartbeat), the site's processor time and memory,
and transactions of the database. `FLEET_POSTGRES` names a server on which a database may be made.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import random
import re
import ssl
import threading
import time
import uuid
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import psutil
import psycopg

from bench.common import Up, platform, report, spread, trivial_competition, uploaded_answers
from bench.memory import MB, pss

WORKERS = int(os.environ.get("FLEET_WORKERS", "1000"))
JOBS = int(os.environ.get("FLEET_JOBS", "200"))
IDLE_SECONDS = float(os.environ.get("FLEET_IDLE_SECONDS", "40"))
PATIENCE_SECONDS = 180.0
JOB_SECONDS = (5.0, 15.0)
BEAT_SECONDS = 2.0
POSTGRES = os.environ.get("FLEET_POSTGRES", "postgresql://root@127.0.0.1:5432")
SHARED = 10
_LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=60)
METRICS_TOKEN = uuid.uuid4().hex


@dataclass
class Tally:
    """What the workers have seen."""

    claims: int = 0
    beats: list[float] = field(default_factory=list)
    finished: int = 0
    errors: list[str] = field(default_factory=list)


def _output() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("scores.txt", "score: 0.5")
    return content.getvalue()


OUTPUT = _output()


class Fleet:
    """The workers, in a thread with an event loop of its own."""

    def __init__(self, url: str, token: str) -> None:
        self.tally = Tally()
        self._url, self._token = url, token
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._run(),), daemon=True)
        self._stop = asyncio.Event()

    def __enter__(self) -> Fleet:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(30)

    async def _run(self) -> None:
        # Clients of a few workers each: what a client does for a request grows with its connections.
        secure = ssl.create_default_context()
        async with contextlib.AsyncExitStack() as stack:
            clients = [
                await stack.enter_async_context(
                    httpx.AsyncClient(base_url=self._url, limits=_LIMITS, timeout=httpx.Timeout(60), verify=secure)
                )
                for _ in range(0, WORKERS, SHARED)
            ]
            tasks = [asyncio.create_task(self._worker(clients[n // SHARED], n)) for n in range(WORKERS)]
            await self._stop.wait()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _worker(self, client: httpx.AsyncClient, number: int) -> None:
        claim = {"worker": f"simulated-{number}", "hostname": "bench", "slots": 1, "wait": 20}
        headers = {"Authorization": f"Bearer {self._token}"}
        await asyncio.sleep(random.random() * 10)  # they were not all started in the same moment
        while True:
            try:
                answer = await client.post("/api/worker/claim", json=claim, headers=headers)
                self.tally.claims += 1
                if answer.status_code == httpx.codes.OK:
                    await self._work(client, answer.json())
                elif answer.status_code != httpx.codes.NO_CONTENT:
                    self.tally.errors.append(f"claim answered {answer.status_code}")
            except httpx.HTTPError as error:
                self.tally.errors.append(f"{type(error).__name__} {error}")
                await asyncio.sleep(1)

    async def _work(self, client: httpx.AsyncClient, job: dict[str, Any]) -> None:
        headers = {"Authorization": f"Bearer {job['token']}"}
        address = f"/api/worker/attempts/{job['attempt']}"
        until = time.monotonic() + random.uniform(*JOB_SECONDS)
        while time.monotonic() < until:
            began = time.perf_counter()
            answer = await client.post(f"{address}/beat", json={"phase": "running"}, headers=headers)
            self.tally.beats.append(time.perf_counter() - began)
            answer.raise_for_status()
            await asyncio.sleep(BEAT_SECONDS)
        (await client.put(job["output_url"], content=OUTPUT)).raise_for_status()
        outcome = {"output_uploaded": True, "scores": {"score": {"value": 0.5, "text": "0.5"}}}
        (await client.post(f"{address}/finish", json=outcome, headers=headers)).raise_for_status()
        self.tally.finished += 1


@contextlib.contextmanager
def database() -> Iterator[str]:
    """A database of its own."""
    name = f"podium_bench_{uuid.uuid4().hex}"
    with psycopg.connect(f"{POSTGRES}/postgres", autocommit=True) as server:
        server.execute(f"create database {name}")
        try:
            yield f"{POSTGRES}/{name}"
        finally:
            server.execute(f"drop database {name} with (force)")


def transactions(url: str) -> int:
    """How many transactions a database has ended."""
    with psycopg.connect(url, autocommit=True) as straight:
        straight.execute("SELECT pg_stat_clear_snapshot()")
        query = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()"
        row = straight.execute(query).fetchone()
        assert row is not None
        return int(row[0])


def web(up: Up) -> psutil.Process:
    """The web server's process."""
    assert up.process is not None
    children = psutil.Process(up.process.pid).children()
    return next(child for child in children if "web" in child.cmdline())


def polls(up: Up) -> float:
    """How many polls are open, as the site's own metrics say."""
    answer = httpx.get(f"{up.url}/metrics", headers={"Authorization": f"Bearer {METRICS_TOKEN}"}, timeout=60)
    found = re.search(r'^podium_http_requests_open\{class="poll",.*\} ([0-9.]+)$', answer.text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def measure(up: Up, url: str) -> dict[str, Any]:
    """Let the fleet idle, then work."""
    token = (up.data / "secrets" / "worker-token").read_text().strip()
    client = up.administrator()
    phase = trivial_competition(up, client).phases[0].id
    keys = uploaded_answers(client, JOBS)
    process = web(up)
    with Fleet(up.url, token) as fleet:
        while polls(up) < WORKERS * 0.99:
            time.sleep(1)
        before, cpu, claims = transactions(url), sum(process.cpu_times()[:2]), fleet.tally.claims
        began = time.perf_counter()
        time.sleep(IDLE_SECONDS)
        seconds = time.perf_counter() - began
        idle = {
            "cpu_share": (sum(process.cpu_times()[:2]) - cpu) / seconds,
            "transactions_per_second": (transactions(url) - before) / seconds,
            "claims_per_second": (fleet.tally.claims - claims) / seconds,
            "pss_bytes": pss(process.pid),
        }
        own = psutil.Process()
        cpu, ours, began = sum(process.cpu_times()[:2]), sum(own.cpu_times()[:2]), time.perf_counter()
        for key in keys:
            client.submit(phase, key)
        submitted = time.perf_counter() - began
        deadline = time.monotonic() + PATIENCE_SECONDS
        while fleet.tally.finished < JOBS and time.monotonic() < deadline:
            time.sleep(0.5)
        seconds = time.perf_counter() - began
        busy = {
            "seconds": seconds,
            "submitted_seconds": submitted,
            "cpu_share": (sum(process.cpu_times()[:2]) - cpu) / seconds,
            "clients_cpu_share": (sum(own.cpu_times()[:2]) - ours) / seconds,
            "beats": len(fleet.tally.beats),
            "beat_ms": spread(fleet.tally.beats, 1000),
            "pss_bytes": pss(process.pid),
        }
        errors = list(fleet.tally.errors)
    client.close()
    with psycopg.connect(url) as straight:
        row = straight.execute(
            "SELECT COUNT(*) FILTER (WHERE state = 'lost'), COUNT(*) FILTER (WHERE state = 'succeeded') "
            "FROM evaluation_attempt"
        ).fetchone()
    assert row is not None
    return {
        "idle": idle,
        "busy": busy,
        "errors": errors[:20],
        "error_count": len(errors),
        "lost": row[0],
        "done": row[1],
    }


def main() -> None:
    with (
        database() as url,
        platform("--no-worker", DATABASE_URL=url, PODIUM_METRICS_TOKEN=METRICS_TOKEN) as up,
    ):
        found = measure(up, url)
    idle, busy = found["idle"], found["busy"]
    beat = busy["beat_ms"]
    rows = [
        (f"{WORKERS:,} idle workers: processor time of the web server", f"{idle['cpu_share']:.0%} of one", ""),
        ("  transactions of the database", f"{idle['transactions_per_second']:.0f} a second", ""),
        ("  claims answered", f"{idle['claims_per_second']:.0f} a second", ""),
        ("  PSS of the web server", f"{idle['pss_bytes'] / MB:.0f} MB", ""),
        (f"{JOBS} jobs of {JOB_SECONDS[0]:.0f} to {JOB_SECONDS[1]:.0f} s: done", f"{found['done']}", f"{JOBS}"),
        ("  from the first POST to the last finish", f"{busy['seconds']:.0f} s", ""),
        ("  late heartbeats (leases that ran out)", f"{found['lost']}", "0"),
        ("  requests that failed", f"{found['error_count']}", "0"),
        ("  beats", f"{busy['beats']}, {beat['median']:.0f} ms (to {beat['max']:.0f})", ""),
        ("  processor time of the web server", f"{busy['cpu_share']:.0%} of one", ""),
        ("  processor time of the simulated workers", f"{busy['clients_cpu_share']:.0%} of one", ""),
        ("  PSS of the web server", f"{busy['pss_bytes'] / MB:.0f} MB", ""),
    ]
    report("fleet", rows, {"workers": WORKERS, "jobs": JOBS, **found})
    for error in found["errors"]:
        print(f"  {error}")


if __name__ == "__main__":
    main()
