class Model:
    """This file should be called model.py."""
