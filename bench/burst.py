"""Forty trivial result submissions at once on two slots: from the first POST until the last is Finished."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from bench.common import finished, platform, report, spread, trivial_competition, uploaded_answers

AT_ONCE, ROUNDS, THREADS = 40, 3, 8


def main() -> None:
    took = []
    with platform() as up:
        client = up.administrator()
        phase = trivial_competition(up, client).phases[0].id
        finished(client, client.submit(phase, uploaded_answers(client, 1)[0]).id)
        for _ in range(ROUNDS):
            keys = uploaded_answers(client, AT_ONCE)
            began = time.perf_counter()
            with ThreadPoolExecutor(THREADS) as pool:
                made = list(pool.map(lambda key: client.submit(phase, key), keys))
            for submission in made:  # in the order of the queue, so the last one's stream ends last
                for _ in client.watch(submission.id, timeout=120):
                    pass
            took.append(time.perf_counter() - began)
            for submission in made:
                finished(client, submission.id)
        client.close()
    figures = spread(took)
    shown = f"{figures['median']:.1f} s ({figures['min']:.1f} to {figures['max']:.1f})"
    report("burst", [(f"{AT_ONCE} submissions at once, 2 slots", shown, "< 5 s")], {"seconds": figures})


if __name__ == "__main__":
    main()
