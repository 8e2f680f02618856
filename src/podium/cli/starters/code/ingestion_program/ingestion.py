"""Trains the submitted model and writes its predictions."""

import csv
import sys
from pathlib import Path

DATA = Path("/app/input_data")
OUTPUT = Path("/app/output/predictions.csv")
SUBMISSION = "/app/ingested_program"


def read(name):
    with (DATA / name).open(newline="") as file:
        return list(csv.DictReader(file))


sys.path.insert(0, SUBMISSION)
from model import Model  # noqa: E402

model = Model()
model.fit(read("train.csv"))
rows = read("test.csv")
labels = list(model.predict(rows))
if len(labels) != len(rows):
    sys.exit(f"predict gave {len(labels)} labels for {len(rows)} rows.")
with OUTPUT.open("w", newline="") as file:
    writer = csv.writer(file)
    writer.writerow(["id", "label"])
    writer.writerows([row["id"], labels[place]] for place, row in enumerate(rows))
print(f"{len(rows)} predictions written.")
