"""The indexes of a claim follow the turns. Apart from the rows: PostgreSQL wants it so."""

from django.conf import settings
from django.db import migrations, models


def index(name, **condition):
    return migrations.AddIndex(
        model_name="job",
        index=models.Index(
            condition=models.Q(*sorted(condition.items())),
            fields=["-priority", "owner", "turn_at"],
            name=name,
        ),
    )


class Migration(migrations.Migration):
    dependencies = [
        ("media", "0006_job_turns"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveIndex(model_name="job", name="job_queued"),
        migrations.RemoveIndex(model_name="job", name="job_queued_urgent"),
        index("job_queued", state="queued"),
        index("job_queued_urgent", state="queued", is_urgent=True),
        migrations.AddIndex(
            model_name="job",
            index=models.Index(
                condition=models.Q(("state", "queued")), fields=["created_at"], name="job_waiting"
            ),
        ),
    ]
