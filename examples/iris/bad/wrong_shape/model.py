"""Forgets the last flower."""


class Model:
    def fit(self, features, labels):
        self.label = labels[0]

    def predict(self, features):
        return [self.label for _ in features[:-1]]
