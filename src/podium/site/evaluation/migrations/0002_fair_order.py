"""Lanes for the fair order of queues, and what reruns and migrated submissions are known by."""

import datetime

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


def give_lanes(apps, schema_editor):
    """Put every run into the lane of its participant; those that wait keep their class."""
    run_model, submission_model = apps.get_model("evaluation", "Run"), apps.get_model("evaluation", "Submission")
    competition_lane = apps.get_model("evaluation", "CompetitionLane")
    participant_lane = apps.get_model("evaluation", "ParticipantLane")
    never = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    begun = set(run_model.objects.filter(step="prediction").values_list("submission_id", flat=True))
    places = dict(submission_model.objects.values_list("pk", "phase__competition_id"))
    for run in run_model.objects.select_related("submission").iterator():
        facts = {
            "queue_id": run.queue_id,
            "priority": 10 if run.step == "scoring" and run.submission_id in begun else 0,
            "competition_id": places[run.submission_id],
        }
        turn, _ = competition_lane.objects.get_or_create(**facts, defaults={"last_served": never})
        lane, _ = participant_lane.objects.get_or_create(
            **facts, owner_id=run.submission.owner_id, defaults={"last_served": never}
        )
        run_model.objects.filter(pk=run.pk).update(lane=lane)
        if run.state in {"queued", "claimed"}:
            competition_lane.objects.filter(pk=turn.pk).update(waiting=True)
            participant_lane.objects.filter(pk=lane.pk).update(waiting=True)
    # PostgreSQL changes no table that has checks to come.
    schema_editor.connection.check_constraints()


def lane(model, *more):
    """The columns that both kinds of lane have."""
    key = {"on_delete": django.db.models.deletion.CASCADE, "related_name": "+"}
    return migrations.CreateModel(
        name=model,
        fields=[
            ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
            ("priority", models.SmallIntegerField(help_text="higher first")),
            ("waiting", models.BooleanField(default=False, help_text="whether a run may be waiting here")),
            ("last_served", models.DateTimeField()),
            ("competition", models.ForeignKey(to="competitions.competition", **key)),
            ("queue", models.ForeignKey(to="queues.queue", **key)),
            *more,
        ],
    )


class Migration(migrations.Migration):
    dependencies = [
        ("competitions", "0002_initial"),
        ("evaluation", "0001_initial"),
        ("queues", "0001_initial"),
        ("resources", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        lane("CompetitionLane"),
        lane(
            "ParticipantLane",
            (
                "owner",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="competitionlane",
            constraint=models.UniqueConstraint(
                fields=("queue", "priority", "competition"), name="evaluation_competitionlane_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="participantlane",
            constraint=models.UniqueConstraint(
                fields=("queue", "priority", "competition", "owner"), name="evaluation_participantlane_once"
            ),
        ),
        migrations.RemoveIndex(model_name="run", name="evaluation_run_waiting"),
        migrations.RemoveField(model_name="run", name="not_before"),
        migrations.RemoveField(model_name="run", name="priority"),
        migrations.AddField(
            model_name="submission",
            name="is_bulk_rerun",
            field=models.BooleanField(default=False, help_text="part of a rerun of many, which waits behind all else"),
        ),
        migrations.AddField(
            model_name="submission",
            name="is_migrated",
            field=models.BooleanField(default=False, help_text="a copy of it was made in the next phase"),
        ),
        migrations.AddField(
            model_name="run",
            name="lane",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="runs",
                to="evaluation.participantlane",
            ),
        ),
        migrations.RunPython(give_lanes, migrations.RunPython.noop),
        migrations.AlterField(
            model_name="run",
            name="lane",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="runs",
                to="evaluation.participantlane",
            ),
        ),
        migrations.AddIndex(
            model_name="run",
            index=models.Index(
                condition=models.Q(("state", "queued")), fields=["lane", "id"], name="evaluation_run_waiting"
            ),
        ),
        migrations.AddIndex(
            model_name="run",
            index=models.Index(
                condition=models.Q(("state", "claimed")), fields=["queue", "lane"], name="evaluation_run_claimed"
            ),
        ),
        migrations.AddIndex(
            model_name="run",
            index=models.Index(
                condition=models.Q(("state__in", ["succeeded", "failed"])),
                fields=["queue", "-finished_when"],
                name="evaluation_run_ended",
            ),
        ),
        migrations.AddIndex(
            model_name="competitionlane",
            index=models.Index(
                condition=models.Q(("waiting", True)),
                fields=["queue", "-priority", "last_served", "id"],
                name="evaluation_competition_turn",
            ),
        ),
        migrations.AddIndex(
            model_name="participantlane",
            index=models.Index(
                condition=models.Q(("waiting", True)),
                fields=["queue", "priority", "competition", "last_served", "id"],
                name="evaluation_participant_turn",
            ),
        ),
    ]
