"""The tables of a database that has none, straight from the models.

Applying every migration there ever was to an empty database takes most of a first start. The models say what all of
them come to (a test compares), so the tables are made from those and the migrations are noted as applied, in one
transaction: either all of it is there afterwards or nothing.
"""

from __future__ import annotations

from django.apps import apps
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder


def make_if_none() -> bool:
    """Make every table of an empty database; returns whether it was empty. `migrate` finds nothing left to apply."""
    recorder = MigrationRecorder(connection)
    if set(connection.introspection.table_names()) - {recorder.Migration._meta.db_table}:
        return False
    recorder.ensure_schema()
    with connection.schema_editor() as editor:
        for model in apps.get_models():
            if model._meta.can_migrate(connection):
                editor.create_model(model)
        known = MigrationLoader(None).disk_migrations
        recorder.migration_qs.bulk_create([recorder.Migration(app=app, name=name) for app, name in sorted(known)])
    return True
