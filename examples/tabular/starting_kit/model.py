"""The baseline that every method has to beat."""

from collections import Counter


class Model:
    """Answers the most frequent label of the training rows, the first in the alphabet when two are as frequent."""

    def fit(self, features, labels):
        """Count the labels."""
        counts = Counter(str(label) for label in labels)
        self.label = min(counts, key=lambda label: (-counts[label], label))

    def predict(self, features):
        """Return one label per row."""
        return [self.label] * len(features)
