"""Compares predictions with the hidden labels.

    scoring.py REFERENCE PREDICTIONS OUTPUT

Reads labels.csv and predictions.csv (and duration.txt, which only a trained model leaves); writes scores.json.
"""

import csv
import json
import sys
from pathlib import Path


def read_column(path):
    with path.open(newline="", encoding="utf-8-sig") as file:
        return [row[0].strip() for row in list(csv.reader(file))[1:] if row]


def main():
    reference, predictions, output = (Path(argument) for argument in sys.argv[1:4])
    truth = read_column(reference / "labels.csv")
    if not (predictions / "predictions.csv").is_file():
        sys.exit("There is no predictions.csv: the model failed (see the ingestion log), or the zip lacks the file.")
    answers = read_column(predictions / "predictions.csv")
    if len(answers) != len(truth):
        sys.exit(f"predictions.csv has {len(answers)} predictions; {len(truth)} are expected, one per test flower.")
    unknown = sorted(set(answers) - set(truth))
    if unknown:
        sys.exit(f"predictions.csv names a species that does not occur: {unknown[0][:40]!r}. Use {sorted(set(truth))}.")

    right = sum(answer == label for answer, label in zip(answers, truth))
    scores = {"accuracy": right / len(truth)}
    if (predictions / "duration.txt").is_file():
        scores["duration"] = float((predictions / "duration.txt").read_text(encoding="utf-8"))
    (output / "scores.json").write_text(json.dumps(scores), encoding="utf-8")
    print(f"{right} of {len(truth)} flowers are named correctly.")


if __name__ == "__main__":
    main()
