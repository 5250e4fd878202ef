"""What a forecast of the queue reads: how many work, and how long the last jobs took."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("media", "0004_upload_outlives_video"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="workerbeat",
            name="slots",
            field=models.PositiveSmallIntegerField(default=1),
        ),
        migrations.AddIndex(
            model_name="job",
            index=models.Index(
                condition=models.Q(("state", "done")), fields=["-finished_at"], name="job_done"
            ),
        ),
    ]
