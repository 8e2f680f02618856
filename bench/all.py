"""Every bench, one after the other."""

from __future__ import annotations

from bench import burst, creation, latency, memory, startup


def main() -> None:
    for one in (startup, memory, latency, burst, creation):
        one.main()


if __name__ == "__main__":
    main()
