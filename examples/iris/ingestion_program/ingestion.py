"""Trains the submitted model and writes its predictions for the test flowers.

    ingestion.py INPUT_DATA OUTPUT SUBMISSION

Reads train.csv and test.csv of the input data and model.py of the submission; writes predictions.csv and duration.txt.
A result submission has no model.py; its predictions are in the output already and this program has nothing to do.
"""

import csv
import sys
import time
from pathlib import Path


def read_rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))[1:]


def main():
    input_data, output, submission = (Path(argument) for argument in sys.argv[1:4])
    if not (submission / "model.py").is_file():
        sys.exit("The submission has no model.py at its top, so no model is trained.")

    train = read_rows(input_data / "train.csv")
    features = [[float(value) for value in row[:-1]] for row in train]
    labels = [row[-1] for row in train]
    test = [[float(value) for value in row] for row in read_rows(input_data / "test.csv")]

    sys.path.insert(0, str(submission))
    from model import Model

    print(f"Training on {len(features)} flowers ...")
    start = time.perf_counter()
    model = Model()
    model.fit(features, labels)
    print(f"Predicting {len(test)} flowers ...")
    predictions = [str(label) for label in model.predict(test)]
    duration = time.perf_counter() - start

    with (output / "predictions.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([["species"], *([label] for label in predictions)])
    (output / "duration.txt").write_text(f"{duration:.6f}\n", encoding="utf-8")
    print(f"Wrote {len(predictions)} predictions after {duration:.3f} s.")


if __name__ == "__main__":
    main()
