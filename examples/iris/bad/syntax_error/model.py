class Model:
    def fit(self, features, labels)
        self.labels = labels

    def predict(self, features):
        return [self.labels[0]] * len(features)
