"""Leaderboards, columns, scores and entries."""
