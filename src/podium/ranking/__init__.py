"""Scores, computed columns, order and submission rules, as pure functions without a database.

- `columns`: what a leaderboard column is, and the values an entry has in it (several tasks, computed columns);
- `keys`: the sort key, a byte string whose plain comparison is the order of the board;
- `order`: positions and ties;
- `rules`: which submissions stand on the board;
- `display`: rounding, for people's eyes only.
"""
