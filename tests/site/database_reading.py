"""How much the database reads in a block of code; for tests and benches."""

from __future__ import annotations

from typing import Any


class Reading:
    """Counts rows (PostgreSQL, in a transaction) or steps of the virtual machine (SQLite).

    grain: steps that are counted at once; counting each makes a query of millions take seconds.
    """

    QUERY = (
        "SELECT COALESCE(SUM(COALESCE(seq_tup_read, 0) + COALESCE(idx_tup_fetch, 0)), 0) FROM pg_stat_xact_user_tables"
    )

    def __init__(self, grain: int = 1) -> None:
        self._grain = grain

    def __enter__(self) -> Reading:
        from django.db import connection  # noqa: PLC0415 - benches set the site up themselves

        self._connection: Any = connection
        self._steps = 0
        if connection.vendor == "sqlite":
            connection.ensure_connection()
            self._connection.connection.set_progress_handler(self._step, self._grain)
        self._before = self._rows()
        return self

    def _step(self) -> int:
        self._steps += self._grain
        return 0

    def _rows(self) -> int:
        if self._connection.vendor == "sqlite":
            return 0
        with self._connection.cursor() as cursor:
            cursor.execute(self.QUERY)
            return int(cursor.fetchone()[0])

    def __exit__(self, *error: object) -> None:
        self._after = self._rows()
        if self._connection.vendor == "sqlite":
            self._connection.connection.set_progress_handler(None, self._grain)

    def count(self) -> int:
        """What was read."""
        return self._steps if self._connection.vendor == "sqlite" else self._after - self._before
