"""Submissions per minute with 1, 2 and 4 slots: all are queued, then a worker with so many slots works them off."""

from __future__ import annotations

from datetime import datetime

from bench.common import Up, finished, platform, report, trivial_competition, uploaded_answers

SUBMISSIONS = 60
SLOTS = (1, 2, 4)


def measure(up: Up) -> float:
    """Submit a number, wait for all; submissions per minute from the first claim to the last verdict."""
    client = up.administrator()
    phase = trivial_competition(up, client).phases[0].id
    made = [client.submit(phase, key).id for key in uploaded_answers(client, SUBMISSIONS)]
    for number in made:
        finished(client, number)
    client.close()
    query = (
        "SELECT MIN(a.claimed_when), MAX(s.finished_when) FROM evaluation_attempt a"
        " JOIN evaluation_run r ON r.id = a.run_id JOIN evaluation_submission s ON s.id = r.submission_id"
        " WHERE s.id BETWEEN ? AND ?"
    )
    first, last = (datetime.fromisoformat(text) for text in up.rows(query, made[0], made[-1])[0])
    return SUBMISSIONS / (last - first).total_seconds() * 60


def main() -> None:
    figures = {}
    for slots in SLOTS:
        with platform(PODIUM_WORKER_SLOTS=str(slots)) as up:
            figures[slots] = measure(up)
    rows = [(f"Submissions per minute, {slots} slots", f"{rate:.0f}", "") for slots, rate in figures.items()]
    report("throughput", rows, {str(slots): rate for slots, rate in figures.items()})


if __name__ == "__main__":
    main()
