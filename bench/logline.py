"""A line of output from the program's write to a browser's stream: submission page open, platform idle.

The program prints the moment of each write as a line, flushed, with pauses between; this process, on the same clock,
reads the event stream over a socket as a browser does and notes when the line is there.
"""

from __future__ import annotations

import itertools
import json
import tempfile
import time
from pathlib import Path

import httpx

from bench.common import Up, platform, report, spread, trivial_bundle, uploaded_answers

LINES, WARM_UP, PAUSE = 60, 5, 0.35
PRINTS = f"""import time
for number in range({LINES + WARM_UP}):
    print(f"at {{time.time():.6f}}", flush=True)
    time.sleep({PAUSE})
open('/app/output/scores.txt', 'w').write('score: 1')
"""


def measure(up: Up) -> dict[str, float]:
    """Milliseconds from write to socket, of each line."""
    client = up.administrator()
    with tempfile.TemporaryDirectory() as folder:
        bundle = trivial_bundle(Path(folder) / "trivial", "codalab/codalab-legacy:py37")
        (bundle / "scoring_program" / "score.py").write_text(PRINTS)
        number = client.wait_for_competition(client.upload_bundle(bundle), timeout=120)
    client.publish(number)
    competition = client.competition(number)
    if competition.participant_status != "approved":
        client.register(number)
    made = client.submit(competition.phases[0].id, uploaded_answers(client, 1)[0])
    took: list[float] = []
    address, headers = f"{client.server}/api/submissions/{made.id}/events/", {"Authorization": f"Token {client.token}"}
    with httpx.stream("GET", address, headers=headers, timeout=60, trust_env=False) as answer:
        for line in answer.iter_lines():
            now = time.time()
            if not line.startswith("data: "):
                continue
            event = json.loads(line.removeprefix("data: "))
            words = str(event.get("text", "")).split()
            took += [now - float(moment) for mark, moment in itertools.pairwise(words) if mark == "at"]
            if event.get("status") == "Finished" and "submission" not in event:
                break
    client.close()
    assert len(took) == LINES + WARM_UP, f"{len(took)} lines arrived"
    return spread(took[WARM_UP:], 1000)


def main() -> None:
    with platform() as up:
        figures = measure(up)
    found = f"{figures['median']:.0f} ms ({figures['min']:.0f} to {figures['max']:.0f})"
    report("logline", [("line of output, program to socket", found, "median < 200 ms")], {"ms": figures})


if __name__ == "__main__":
    main()
