"""Writes the data files and logos of the examples anew, from the data sets that ship with scikit-learn.

    python examples/make_data.py        (needs numpy, scikit-learn and Pillow)

The result is committed, so nobody needs this to use the examples; it says exactly where each number comes from. Splits
are stratified and seeded.
"""

import csv
import json
from decimal import Decimal, getcontext
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

HERE = Path(__file__).resolve().parent
SEED = 2002
POOL_ROWS, NOISE, CHOSEN = 900, 0.25, 300


def write_csv(path, header, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def numbers(row):
    """Values as short as they can be written without changing them."""
    return [f"{value:.6g}" for value in row]


def labelled(features, labels):
    return [[*numbers(row), label] for row, label in zip(features, labels, strict=True)]


def iris():
    data = load_iris()
    names = [name.replace(" (cm)", "").replace(" ", "_") + "_cm" for name in data.feature_names]
    species = data.target_names[data.target]
    x, held_x, y, held_y = train_test_split(data.data, species, test_size=60, stratify=species, random_state=SEED)
    public_x, final_x, public_y, final_y = train_test_split(
        held_x, held_y, test_size=30, stratify=held_y, random_state=SEED
    )
    root = HERE / "iris"
    for split, split_x, split_y in (("development", public_x, public_y), ("final", final_x, final_y)):
        write_csv(root / f"input_data/{split}/train.csv", [*names, "species"], labelled(x, y))
        write_csv(root / f"input_data/{split}/test.csv", names, [numbers(row) for row in split_x])
        write_csv(root / f"reference_data/{split}/labels.csv", ["species"], [[label] for label in split_y])
    write_csv(root / "starting_kit/train.csv", [*names, "species"], labelled(x, y))
    # A result submission: the rule of thumb that petals alone tell the species.
    guesses = ["setosa" if row[2] < 2.5 else "versicolor" if row[3] < 1.7 else "virginica" for row in public_x]
    write_csv(root / "solutions/predictions/predictions.csv", ["species"], [[guess] for guess in guesses])


def tabular():
    for name, title, data in (
        ("wine", "Wine cultivars", load_wine()),
        ("breast_cancer", "Breast cancer, malignant or benign", load_breast_cancer()),
        ("digits", "Handwritten digits", load_digits()),
    ):
        classes = [str(label) for label in data.target_names]
        labels = [classes[label] for label in data.target]
        header = [str(column).replace(" ", "_").replace("/", "_per_") for column in data.feature_names]
        x, test_x, y, test_y = train_test_split(data.data, labels, test_size=0.4, stratify=labels, random_state=SEED)
        folder = HERE / "tabular/tasks" / name
        write_csv(folder / "input_data/train.csv", [*header, "label"], labelled(x, y))
        write_csv(folder / "input_data/test.csv", header, [numbers(row) for row in test_x])
        write_csv(folder / "reference_data/labels.csv", ["label"], [[label] for label in test_y])
        text = json.dumps({"title": title, "classes": classes}, indent=2) + "\n"
        (folder / "reference_data/task.json").write_text(text, encoding="utf-8")
        if name == "wine":
            write_csv(HERE / "tabular/starting_kit/wine_train.csv", [*header, "label"], labelled(x, y))


def data_centric():
    data = load_digits()
    header = [*data.feature_names, "label"]
    pool_x, test_x, pool_y, test_y = train_test_split(
        data.data, data.target, train_size=POOL_ROWS, test_size=400, stratify=data.target, random_state=SEED
    )
    random = np.random.default_rng(SEED)
    noisy = pool_y.copy()
    wrong = random.permutation(POOL_ROWS)[: int(NOISE * POOL_ROWS)]
    noisy[wrong] = (noisy[wrong] + random.integers(1, 10, len(wrong))) % 10
    root = HERE / "data-centric"
    write_csv(root / "public_data/pool.csv", header, labelled(pool_x, noisy))
    write_csv(root / "input_data/test.csv", header[:-1], [numbers(row) for row in test_x])
    write_csv(root / "reference_data/labels.csv", ["label"], [[label] for label in test_y])
    write_csv(root / "solutions/first_rows/train.csv", header, labelled(pool_x[:CHOSEN], noisy[:CHOSEN]))
    # Rows whose label their neighbours confirm.
    vote = KNeighborsClassifier(8).fit(pool_x, noisy).predict_proba(pool_x)
    trusted = np.argsort(-vote[np.arange(POOL_ROWS), noisy], kind="stable")[:CHOSEN]
    write_csv(root / "solutions/cleaned/train.csv", header, labelled(pool_x[trusted], noisy[trusted]))


def pi(digits=1000):
    """Machin's formula, with guard digits."""
    getcontext().prec = digits + 20

    def arctan_of_inverse(n):
        power, total, k = Decimal(1) / n, Decimal(0), 0
        while power:
            term = power / (2 * k + 1)
            if abs(term) < Decimal(10) ** -(digits + 15):
                return total
            total += term if k % 2 == 0 else -term
            power, k = power / (n * n), k + 1
        return total

    value = str(4 * (4 * arctan_of_inverse(5) - arctan_of_inverse(239)))
    for folder, decimals in (("reference_data", digits), ("solutions/machin", 100)):
        path = HERE / "pi" / folder / "pi.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(value[: 2 + decimals] + "\n", encoding="utf-8")


def logos():
    size = 240
    digits = load_digits().images
    for name, ground, draw_on in (
        ("iris", "#4b3f8f", _petals),
        ("tabular", "#0f5c5c", _bars),
        ("pi", "#7a2e4d", _circle),
        ("data-centric", "#1f3a5f", lambda draw: _pixels(draw, digits)),
    ):
        image = Image.new("RGB", (size, size), ground)
        draw_on(ImageDraw.Draw(image))
        image.quantize(32).save(HERE / name / "logo.png", optimize=True)


def _petals(draw):
    for turn in range(3):
        angle = 2 * np.pi * turn / 3 - np.pi / 2
        x, y = 120 + 48 * np.cos(angle), 120 + 48 * np.sin(angle)
        draw.ellipse((x - 46, y - 46, x + 46, y + 46), fill=("#b7a8f5", "#9c8bec", "#d3c9fb")[turn])
    draw.ellipse((98, 98, 142, 142), fill="#f6d55c")


def _bars(draw):
    for i, height in enumerate((60, 105, 150)):
        draw.rectangle((42 + 56 * i, 190 - height, 84 + 56 * i, 190), fill=("#8fd3c8", "#c5ece5", "#f2b84b")[i])


def _circle(draw):
    draw.ellipse((40, 40, 200, 200), outline="#f3d9e2", width=12)
    draw.line((40, 120, 200, 120), fill="#f3b05a", width=12)


def _pixels(draw, digits):
    for i in range(4):
        left, top = 20 + 104 * (i % 2), 20 + 104 * (i // 2)
        for row in range(8):
            for column in range(8):
                shade = int(40 + 13 * digits[i][row][column])
                box = (left + 12 * column, top + 12 * row, left + 12 * column + 11, top + 12 * row + 11)
                draw.rectangle(box, fill=(shade, shade, min(255, shade + 20)))


if __name__ == "__main__":
    for make in (iris, tabular, data_centric, pi, logos):
        make()
