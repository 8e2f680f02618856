"""Logs are sealed into files: attempts know how long their streams are, also those of before."""

from collections import defaultdict

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import ExpressionWrapper, F, Max
from django.db.models.functions import Length


def measure(apps, schema_editor):
    """Write down how long the streams are that lie in chunks already."""
    chunks = apps.get_model("evaluation", "LogChunk").objects
    length = ExpressionWrapper(F("offset") + Length("data"), output_field=models.BigIntegerField())
    ends = defaultdict(dict)
    for attempt, stream, end in chunks.order_by().values_list("attempt", "stream").annotate(end=Max(length)):
        ends[attempt][stream] = end
    attempts = apps.get_model("evaluation", "Attempt").objects
    for attempt, streams in ends.items():
        attempts.filter(pk=attempt).update(log_ends=streams, has_chunks=True)


class Migration(migrations.Migration):
    dependencies = [
        ("evaluation", "0005_watched_lately"),
        ("queues", "0001_initial"),
        ("resources", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="attempt",
            name="has_chunks",
            field=models.BooleanField(default=False, help_text="whether its output lies in chunks, not sealed yet"),
        ),
        migrations.AddField(
            model_name="attempt",
            name="log",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="resources.storedfile",
            ),
        ),
        migrations.AddField(
            model_name="attempt",
            name="log_ends",
            field=models.JSONField(default=dict, help_text="how many bytes of each stream there are, by its name"),
        ),
        migrations.AddIndex(
            model_name="attempt",
            index=models.Index(
                condition=models.Q(("has_chunks", True)), fields=["state", "id"], name="evaluation_attempt_unsealed"
            ),
        ),
        migrations.RunPython(measure, migrations.RunPython.noop),
    ]
