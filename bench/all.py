"""Every bench, one after the other."""

from __future__ import annotations

from bench import (
    boards,
    burst,
    creation,
    dispatch,
    fleet,
    latency,
    lists,
    logline,
    memory,
    overhead,
    pages,
    readers,
    startup,
    throughput,
    uploads,
)


def main() -> None:
    for one in (
        startup,
        memory,
        latency,
        logline,
        overhead,
        burst,
        throughput,
        creation,
        uploads,
        dispatch,
        boards,
        lists,
        pages,
        readers,
        fleet,
    ):
        one.main()


if __name__ == "__main__":
    main()
