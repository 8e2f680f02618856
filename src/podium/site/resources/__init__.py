"""Datasets, tasks and solutions, and the files behind them."""
