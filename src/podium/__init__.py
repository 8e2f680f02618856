"""Podium: the open platform for machine-learning benchmarks and competitions."""
