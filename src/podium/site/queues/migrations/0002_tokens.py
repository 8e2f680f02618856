"""Tokens of queues as rows, queues that are deleted and stay as rows, and more facts of workers."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


def keep_tokens(apps, schema_editor):
    """Give every queue's only token a row, so that the workers that use it go on."""
    queue_model, token_model = apps.get_model("queues", "Queue"), apps.get_model("queues", "QueueToken")
    queue_model.objects.filter(is_default=True).update(is_public=True)
    for queue in queue_model.objects.all():
        name = "podium up" if queue.is_default else "first token"
        token_model.objects.create(
            queue=queue, name=name, token_hash=queue.token_hash, created_when=queue.created_when
        )
    # PostgreSQL changes no table that has checks to come.
    schema_editor.connection.check_constraints()


class Migration(migrations.Migration):
    dependencies = [
        ("queues", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="QueueToken",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=64)),
                ("token_hash", models.CharField(max_length=64, unique=True)),
                (
                    "ending",
                    models.CharField(blank=True, default="", help_text="the token's last characters", max_length=4),
                ),
                ("created_when", models.DateTimeField(default=django.utils.timezone.now)),
                ("last_used_when", models.DateTimeField(blank=True, null=True)),
                ("revoked_when", models.DateTimeField(blank=True, null=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "queue",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="tokens", to="queues.queue"
                    ),
                ),
            ],
            options={"ordering": ["-pk"]},
        ),
        migrations.RunPython(keep_tokens, migrations.RunPython.noop),
        migrations.RemoveField(model_name="queue", name="token_hash"),
        migrations.AddField(
            model_name="queue", name="deleted_when", field=models.DateTimeField(blank=True, null=True)
        ),
        migrations.AlterField(
            model_name="queue",
            name="owner",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="owned_queues",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddConstraint(
            model_name="queue",
            constraint=models.CheckConstraint(
                condition=models.Q(("is_default", False))
                | models.Q(("deleted_when__isnull", True), ("is_public", True)),
                name="queues_queue_default_stays",
            ),
        ),
        migrations.AddField(
            model_name="worker",
            name="drained_when",
            field=models.DateTimeField(blank=True, help_text="since when it gets no new job", null=True),
        ),
        migrations.AddField(
            model_name="worker",
            name="free_disk_bytes",
            field=models.PositiveBigIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="worker",
            name="gpus",
            field=models.JSONField(blank=True, default=list, help_text="names of its GPUs"),
        ),
    ]
