"""Of one owner's jobs the earliest turn goes first; what waits gets the turn it had by position."""

from datetime import timedelta

import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

BATCH = 2000
#: As media.jobs.queue had it when this was written.
LATER_PIECE_SECONDS = 10.0


def give_turns(apps, schema_editor):
    Job = apps.get_model("media", "Job")
    waiting = Job.objects.filter(state="queued").only("created_at", "position")
    batch = []
    for job in waiting.iterator(chunk_size=BATCH):
        job.turn_at = job.created_at + timedelta(seconds=LATER_PIECE_SECONDS * job.position)
        batch.append(job)
        if len(batch) == BATCH:
            Job.objects.bulk_update(batch, ["turn_at"], batch_size=500)
            batch = []
    Job.objects.bulk_update(batch, ["turn_at"], batch_size=500)


class Migration(migrations.Migration):
    dependencies = [
        ("media", "0005_queue_forecast"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="job",
            name="turn_at",
            field=models.DateTimeField(default=django.utils.timezone.now),
        ),
        migrations.RunPython(give_turns, migrations.RunPython.noop),
    ]
