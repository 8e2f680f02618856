"""Answers with a species that does not occur."""


class Model:
    def fit(self, features, labels):
        pass

    def predict(self, features):
        return ["rose" for _ in features]
