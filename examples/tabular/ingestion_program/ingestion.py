"""Fits the submitted model to one table and writes its labels for the test rows.

    ingestion.py INPUT_DATA OUTPUT SUBMISSION

Reads train.csv and test.csv of the input data and model.py of the submission; writes predictions.csv.
"""

import csv
import sys
from pathlib import Path

import numpy as np


def read_rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))[1:]


def main():
    input_data, output, submission = (Path(argument) for argument in sys.argv[1:4])
    if not (submission / "model.py").is_file():
        sys.exit("The submission has no model.py at its top.")
    train = read_rows(input_data / "train.csv")
    features = np.array([row[:-1] for row in train], dtype=float)
    labels = np.array([row[-1] for row in train])
    test = np.array(read_rows(input_data / "test.csv"), dtype=float)

    sys.path.insert(0, str(submission))
    from model import Model

    print(f"Training on {features.shape[0]} rows of {features.shape[1]} columns ...")
    model = Model()
    model.fit(features, labels)
    predictions = [str(label) for label in model.predict(test)]
    with (output / "predictions.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([["label"], *([label] for label in predictions)])
    print(f"Wrote {len(predictions)} predictions.")


if __name__ == "__main__":
    main()
