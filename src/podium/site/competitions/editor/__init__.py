"""The web editor: a competition made and changed by forms, a part at a time, through the same service as the API."""
