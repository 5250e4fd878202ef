"""A planned clip with one queued piece, and a worker that may ask for it."""

from collections.abc import Iterator

import pytest

from media.models import Job, MediaFile
from media.remote.signing import Key
from media.worker_app import WorkerApp
from tests.factories.jobs import make_job
from tests.factories.media import Planned, make_clip, make_planned, plan_clip
from tests.integration.media.remote.caller import Caller, make_server


@pytest.fixture(scope="package")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Planned:
    folder = tmp_path_factory.mktemp("remote")
    return plan_clip(make_clip(folder / "clip.mp4", seconds=10), folder)


@pytest.fixture
def video(db: None, planned: Planned) -> MediaFile:
    return make_planned(planned)


@pytest.fixture
def job(video: MediaFile) -> Job:
    """The second piece of the ladder."""
    return make_job(video, kind=Job.Kind.LADDER, args={"piece": 1}, position=1)


@pytest.fixture
def key(db: None) -> Key:
    return make_server()[1]


@pytest.fixture
def app() -> Iterator[WorkerApp]:
    app = WorkerApp()
    yield app
    app.close()


@pytest.fixture
def caller(app: WorkerApp, key: Key) -> Caller:
    return Caller(app, key)
