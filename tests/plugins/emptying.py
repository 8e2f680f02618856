"""Empties the database after a test that committed: the tables that hold something, and nothing else.

Django's own way empties every table, and makes content types and permissions anew, after each such test; here they
stay, because they follow from the models alone.
"""

# ruff: noqa: S608 - the names are those of our own tables

from __future__ import annotations

from typing import Any

import pytest

_STAY = {"django_content_type", "auth_permission", "django_migrations"}


def _empty(case: Any) -> None:
    """Delete all rows; foreign keys are looked at when the transaction ends, so the order does not matter."""
    from django.db import connections, transaction  # noqa: PLC0415 - Django is set up by then

    for alias in case._databases_names(include_mirrors=False):
        connection = connections[alias]
        tables = sorted(set(connection.introspection.table_names()) - _STAY)
        with transaction.atomic(using=alias), connection.cursor() as cursor:
            cursor.execute("SELECT " + ", ".join(f"EXISTS (SELECT 1 FROM {table})" for table in tables))
            for table, holds_something in zip(tables, cursor.fetchone(), strict=True):
                if holds_something:
                    cursor.execute(f"DELETE FROM {table}")


def pytest_configure(config: pytest.Config) -> None:
    """Put it in the place of Django's own."""
    from django.test import TransactionTestCase  # noqa: PLC0415

    TransactionTestCase._fixture_teardown = _empty  # type: ignore[method-assign]
