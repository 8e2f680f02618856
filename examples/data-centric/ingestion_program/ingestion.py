"""Trains the fixed models on the submitted rows and writes what they read in the test digits.

    ingestion.py INPUT_DATA OUTPUT SUBMISSION

Reads models.json and test.csv of the input data and train.csv of the submission; writes predictions.json, one list per
model, and the number of rows. No code of the submission is run.
"""

import csv
import json
import sys
from pathlib import Path

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

KINDS = {kind.__name__: kind for kind in (KNeighborsClassifier, LogisticRegression, RandomForestClassifier)}
PIXELS, DARKEST, MOST_ROWS, MOST_BYTES = 64, 16, 300, 1_000_000


def read_submission(path):
    """Return features and labels of the submitted rows, or end the program with what is wrong with them."""
    if not path.is_file():
        sys.exit("The submission has no train.csv at its top.")
    if path.stat().st_size > MOST_BYTES:
        sys.exit(f"train.csv is larger than {MOST_BYTES} bytes.")
    with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
        rows = [row for row in list(csv.reader(file))[1:] if row]
    if not 1 <= len(rows) <= MOST_ROWS:
        sys.exit(f"train.csv has {len(rows)} rows; 1 to {MOST_ROWS} are allowed.")
    features, labels = [], []
    for number, row in enumerate(rows, start=2):
        try:
            pixels, label = [float(value) for value in row[:-1]], int(row[-1])
        except ValueError:
            sys.exit(f"Line {number} of train.csv holds something that is no number.")
        if len(pixels) != PIXELS or not all(0 <= pixel <= DARKEST for pixel in pixels):
            sys.exit(f"Line {number} of train.csv must have {PIXELS} pixels from 0 to {DARKEST} and a label.")
        if not 0 <= label <= 9:
            sys.exit(f"Line {number} of train.csv has the label {label}; labels go from 0 to 9.")
        features.append(pixels)
        labels.append(label)
    if len(set(labels)) < 2:
        sys.exit("train.csv has rows of one label alone; a model cannot learn from that.")
    return np.array(features), np.array(labels)


def main():
    input_data, output, submission = (Path(argument) for argument in sys.argv[1:4])
    features, labels = read_submission(submission / "train.csv")
    test = np.loadtxt(input_data / "test.csv", delimiter=",", skiprows=1)
    models = json.loads((input_data / "models.json").read_text(encoding="utf-8"))
    predictions = {}
    for name, settings in models.items():
        print(f"Training {name} on {len(features)} rows ...")
        model = KINDS[settings["kind"]](**settings["arguments"])
        predictions[name] = model.fit(features, labels).predict(test).tolist()
    result = {"rows": len(features), "predictions": predictions}
    (output / "predictions.json").write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main()
