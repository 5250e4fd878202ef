"""What is told live of the queue: who follows it, and where each media file stands."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("media", "0008_queue_state"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="queuestate",
            name="watched_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="mediafile",
            name="queue_position",
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="mediafile",
            name="begins_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="mediafile",
            name="ends_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddIndex(
            model_name="mediafile",
            index=models.Index(
                condition=models.Q(("state__in", ["in_queue", "processing"])),
                fields=["created_at"],
                name="media_file_in_work",
            ),
        ),
    ]
