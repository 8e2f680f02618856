"""A baseline: the label of the training example that is nearest in size."""


class Model:
    def fit(self, rows):
        self.rows = [(float(row["size"]), row["label"]) for row in rows]

    def predict(self, rows):
        return [min(self.rows, key=lambda known: abs(known[0] - float(row["size"])))[1] for row in rows]
