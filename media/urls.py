"""Routes of uploads, videos and the work on them."""

from core.routes import either_way
from media.views import jobs

urlpatterns = [
    *either_way("api/jobs/", jobs.Jobs.as_view(), name="jobs"),
    *either_way("api/jobs/<uuid:job_id>/retry/", jobs.RetryJob.as_view(), name="job-retry"),
    *either_way("api/jobs/<uuid:job_id>/cancel/", jobs.CancelJob.as_view(), name="job-cancel"),
]
