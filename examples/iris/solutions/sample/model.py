"""Gaussian naive Bayes in plain Python: each species has a mean and a spread per measurement."""

import math
from statistics import mean, pstdev


class Model:
    """Learns from labelled rows of numbers, then names the most probable label of other rows."""

    def fit(self, features, labels):
        """Keep prior, means and standard deviations of each label."""
        self.species = {}
        for label in sorted(set(labels)):
            rows = [row for row, its_label in zip(features, labels) if its_label == label]
            columns = list(zip(*rows))
            self.species[label] = (
                math.log(len(rows) / len(labels)),
                [mean(column) for column in columns],
                [max(pstdev(column), 1e-3) for column in columns],
            )

    def predict(self, features):
        """Return one label per row."""
        return [max(self.species, key=lambda label, row=row: self._score(label, row)) for row in features]

    def _score(self, label, row):
        prior, means, spreads = self.species[label]
        return prior - sum(
            math.log(spread) + (value - centre) ** 2 / (2 * spread**2)
            for value, centre, spread in zip(row, means, spreads)
        )
