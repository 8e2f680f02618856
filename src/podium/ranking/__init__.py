"""Scores, computed columns and order, as pure functions."""
