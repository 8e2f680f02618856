from django.db import migrations


def open_forums(apps, schema_editor):
    """Competitions that were there before forums get theirs."""
    Forum = apps.get_model("forums", "Forum")
    competitions = apps.get_model("competitions", "Competition").objects.filter(forum__isnull=True)
    Forum.objects.bulk_create(
        (Forum(competition_id=pk) for pk in competitions.order_by("pk").values_list("pk", flat=True)), batch_size=500
    )


class Migration(migrations.Migration):

    dependencies = [("forums", "0001_initial"), ("competitions", "0007_deleted")]

    operations = [migrations.RunPython(open_forums, migrations.RunPython.noop)]
