"""A random forest, the same for every table."""

from sklearn.ensemble import RandomForestClassifier


class Model:
    """Two hundred trees from scikit-learn."""

    def __init__(self):
        self.forest = RandomForestClassifier(n_estimators=200, random_state=0)

    def fit(self, features, labels):
        """Grow the trees."""
        self.forest.fit(features, labels)

    def predict(self, features):
        """Return one label per row."""
        return self.forest.predict(features)
