"""Scores the labels of one table and draws which were taken for which.

    scoring.py REFERENCE PREDICTIONS OUTPUT

Reads labels.csv, task.json and predictions.csv; writes scores.json and detailed_results.html.
"""

import csv
import json
import sys
from pathlib import Path

from report import report


def read_column(path):
    with path.open(newline="", encoding="utf-8-sig") as file:
        return [row[0].strip() for row in list(csv.reader(file))[1:] if row]


def count(truth, answers, classes):
    """Return a table of counts: one row per true label, one column per answer."""
    table = {label: dict.fromkeys(classes, 0) for label in classes}
    for label, answer in zip(truth, answers):
        table[label][answer] += 1
    return [[table[label][answer] for answer in classes] for label in classes]


def f1_of(counts, i):
    """Return the F1 score of label i: 0 when it was never answered correctly."""
    actual, answered = sum(counts[i]), sum(row[i] for row in counts)
    return 2 * counts[i][i] / (actual + answered) if actual + answered else 0.0


def main():
    reference, predictions, output = (Path(argument) for argument in sys.argv[1:4])
    task = json.loads((reference / "task.json").read_text(encoding="utf-8"))
    truth = read_column(reference / "labels.csv")
    if not (predictions / "predictions.csv").is_file():
        sys.exit("There is no predictions.csv: the model failed; see the ingestion log.")
    answers = read_column(predictions / "predictions.csv")
    if len(answers) != len(truth):
        sys.exit(f"The model gave {len(answers)} labels; {len(truth)} are expected, one per test row.")
    unknown = sorted(set(answers) - set(task["classes"]))
    if unknown:
        sys.exit(f"The model answered {unknown[0][:40]!r}, which is no label of this table.")

    counts = count(truth, answers, task["classes"])
    per_label = [f1_of(counts, i) for i in range(len(counts))]
    scores = {
        "accuracy": sum(counts[i][i] for i in range(len(counts))) / len(truth),
        "f1": sum(per_label) / len(per_label),
    }
    (output / "scores.json").write_text(json.dumps(scores), encoding="utf-8")
    html = report(task["title"], task["classes"], counts, per_label, scores)
    (output / "detailed_results.html").write_text(html, encoding="utf-8")
    print(f"{task['title']}: accuracy {scores['accuracy']:.4f}, F1 {scores['f1']:.4f}")


if __name__ == "__main__":
    main()
