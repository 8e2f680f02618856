"""Scores what each of the fixed models read.

    scoring.py REFERENCE PREDICTIONS OUTPUT

Reads labels.csv and predictions.json; writes scores.json.
"""

import csv
import json
import sys
from pathlib import Path


def main():
    reference, predictions, output = (Path(argument) for argument in sys.argv[1:4])
    with (reference / "labels.csv").open(newline="", encoding="utf-8") as file:
        truth = [int(row[0]) for row in list(csv.reader(file))[1:]]
    if not (predictions / "predictions.json").is_file():
        sys.exit("The models could not be trained on train.csv; the ingestion log says why.")
    result = json.loads((predictions / "predictions.json").read_text(encoding="utf-8"))
    scores = {"rows": result["rows"]}
    for name, answers in result["predictions"].items():
        scores[name] = sum(answer == label for answer, label in zip(answers, truth)) / len(truth)
        print(f"{name}: {scores[name]:.4f}")
    (output / "scores.json").write_text(json.dumps(scores), encoding="utf-8")


if __name__ == "__main__":
    main()
