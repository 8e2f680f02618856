"""Reruns know when what they evaluate again was submitted, also those of before."""

from django.db import migrations, models


def remember(apps, schema_editor):
    """Take the moment over from the original; a rerun of a rerun comes after what it is made of."""
    submissions = apps.get_model("evaluation", "Submission").objects
    reruns = submissions.filter(original__isnull=False).order_by("pk")
    for rerun, original in reruns.values_list("pk", "original"):
        first = submissions.only("created_when", "original_when").get(pk=original)
        submissions.filter(pk=rerun).update(original_when=first.original_when or first.created_when)


class Migration(migrations.Migration):
    dependencies = [("evaluation", "0018_children")]

    operations = [
        migrations.AddField(
            model_name="submission",
            name="original_when",
            field=models.DateTimeField(
                blank=True, help_text="of a rerun: when what is rerun was submitted, also if that is gone", null=True
            ),
        ),
        migrations.RunPython(remember, migrations.RunPython.noop, elidable=True),
    ]
