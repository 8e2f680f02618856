"""Every bench, one after the other."""

from __future__ import annotations

from bench import boards, burst, creation, dispatch, fleet, latency, logline, memory, overhead, startup, throughput


def main() -> None:
    for one in (startup, memory, latency, logline, overhead, burst, throughput, creation, dispatch, boards, fleet):
        one.main()


if __name__ == "__main__":
    main()
