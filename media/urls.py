"""Routes of uploads, videos and the work on them."""

from core.routes import either_way
from media.views import downloads, jobs, servers, videos

_VIDEO = "api/videos/<uuid:video_id>/"

urlpatterns = [
    *either_way(_VIDEO, videos.VideoView.as_view(), name="video"),
    *either_way(f"{_VIDEO}retry/", videos.RetryVideo.as_view(), name="video-retry"),
    *either_way(f"{_VIDEO}cancel/", videos.CancelVideo.as_view(), name="video-cancel"),
    *either_way(f"{_VIDEO}re-encode/", videos.ReEncodeVideo.as_view(), name="video-re-encode"),
    *either_way(f"{_VIDEO}downloads/", downloads.Downloads.as_view(), name="video-downloads"),
    *either_way("api/local-videos/", videos.LocalVideos.as_view(), name="local-videos"),
    *either_way("api/global-videos/", videos.GlobalVideos.as_view(), name="global-videos"),
    *either_way("api/jobs/", jobs.Jobs.as_view(), name="jobs"),
    *either_way("api/jobs/queue/", jobs.QueueView.as_view(), name="queue"),
    *either_way("api/jobs/queue/pause/", jobs.PauseQueue.as_view(), name="queue-pause"),
    *either_way("api/jobs/queue/resume/", jobs.ResumeQueue.as_view(), name="queue-resume"),
    *either_way("api/jobs/<uuid:job_id>/", jobs.JobView.as_view(), name="job"),
    *either_way("api/jobs/<uuid:job_id>/retry/", jobs.RetryJob.as_view(), name="job-retry"),
    *either_way("api/jobs/<uuid:job_id>/cancel/", jobs.CancelJob.as_view(), name="job-cancel"),
    *either_way("admin/servers/", servers.Servers.as_view(), name="servers"),
    *either_way(
        "admin/servers/health-check/", servers.CheckServers.as_view(), name="servers-check"
    ),
    *either_way("admin/servers/<uuid:server_id>/", servers.ServerView.as_view(), name="server"),
    *either_way(
        "admin/servers/<uuid:server_id>/key/", servers.RotateKey.as_view(), name="server-key"
    ),
]
