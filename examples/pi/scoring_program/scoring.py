"""Counts the correct decimals of a value of pi.

    scoring.py REFERENCE SUBMISSION OUTPUT

Reads pi.txt of both; writes scores.json.
"""

import json
import re
import sys
from decimal import Decimal, getcontext
from pathlib import Path

LONGEST = 100_000  # characters read of a submission


def main():
    reference, submission, output = (Path(argument) for argument in sys.argv[1:4])
    if not (submission / "pi.txt").is_file():
        sys.exit("The submission has no file pi.txt at its top.")
    truth = (reference / "pi.txt").read_text(encoding="ascii").strip()
    with (submission / "pi.txt").open(encoding="utf-8-sig", errors="replace") as file:
        answer = file.read(LONGEST).strip()
    if not re.fullmatch(r"[0-9]+(\.[0-9]*)?", answer):
        sys.exit(f"pi.txt must hold one decimal number like 3.14159, and nothing else. It begins with {answer[:40]!r}.")

    whole, _, decimals = answer.partition(".")
    digits = 0
    if whole.lstrip("0") == "3":
        for given, right in zip(decimals, truth[2:]):
            if given != right:
                break
            digits += 1
    getcontext().prec = len(truth) + len(whole)
    error = min(float(abs(Decimal(answer[: len(whole) + len(truth)]) - Decimal(truth))), sys.float_info.max)
    (output / "scores.json").write_text(json.dumps({"digits": digits, "error": error}), encoding="utf-8")
    print(f"{digits} decimals are correct.")


if __name__ == "__main__":
    main()
