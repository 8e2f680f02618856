"""Never finishes; the time limit of the phase ends it."""


class Model:
    def fit(self, features, labels):
        print("Looking for the perfect model. This may take a while.", flush=True)
        while True:
            pass

    def predict(self, features):
        return []
