"""Files without an index, of which each part tells of itself alone, encoded while they arrive."""

from itertools import pairwise
from pathlib import Path

import pytest

from core.units import MiB
from media import worker
from media.ffmpeg import encode, planning
from media.ffmpeg.errors import ToolFailed
from media.ffmpeg.front import Front, front_of
from media.ffmpeg.probe import inspect
from media.jobs.claim import claim_job
from media.models import EarlyWork, Job, Rendition, Segment
from media.services import arriving, early, encoding
from media.store import early_folder, hls_folder, store
from tests.factories.arriving import Arriving
from tests.factories.media import ffmpeg, make_clip, work_off

pytestmark = pytest.mark.django_db(transaction=True)

FRAGMENTED = ("-movflags", "+frag_keyframe+empty_moov+default_base_moof")
KINDS = ["fragments", "mkv", "ts", "copied"]


@pytest.fixture(autouse=True)
def small_clips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arriving, "FIRST_BYTES", 16 * 1024)
    monkeypatch.setattr(arriving, "QUICK_SECONDS", 0)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Half a minute, in every container that can be read from its front."""
    folder = tmp_path_factory.mktemp("growing")
    plain = make_clip(folder / "plain.mp4", seconds=30, size="256x144")
    fit = make_clip(folder / "fit.mp4", seconds=30, size="426x240", codec="libx264")
    options = {
        "fragments": (plain, "mp4", (*FRAGMENTED, "-c", "copy")),
        "mkv": (plain, "mkv", ("-c", "copy")),
        "webm": (plain, "webm", ("-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libopus")),
        "ts": (plain, "ts", ("-c:v", "mpeg2video", "-g", "10", "-c:a", "mp2", "-r", "25")),
        "m2ts": (
            plain,
            "m2ts",
            ("-c:v", "mpeg2video", "-g", "10", "-c:a", "mp2", "-r", "25", "-mpegts_m2ts_mode", "1"),
        ),
        "copied": (fit, "mkv", ("-c", "copy")),
    }
    made = {}
    for name, (source, extension, words) in options.items():
        made[name] = folder / f"{name}.{extension}"
        ffmpeg("-i", str(source), *words, str(made[name]))
    return made


@pytest.fixture(params=KINDS)
def clip(clips: dict[str, Path], request: pytest.FixtureRequest) -> Path:
    return clips[request.param]


def early_files(film: Arriving) -> list[Path]:
    return list(store().path(early_folder(film.media_id)).rglob("*"))


def arrive_slowly(film: Arriving, *parts: float) -> None:
    for part in parts:
        film.arrive_and_work(part)


@pytest.mark.parametrize("name", [*KINDS, "webm", "m2ts"])
def test_it_is_encoded_while_it_arrives(clips: dict[str, Path], name: str) -> None:
    film = Arriving(clips[name])
    arrive_slowly(film, 0.3, 0.6)
    assert film.shape["early"] == "begun"
    first = film.pieces
    assert first == list(range(len(first))) != []
    before = film.shape["progress_percent"]
    arrive_slowly(film, 0.95)
    assert film.pieces[: len(first)] == first
    assert len(film.pieces) > len(first)
    assert before < film.shape["progress_percent"] < 100
    assert film.shape["playlist_url"] is None


def test_what_was_made_counts_and_the_rest_is_made(clip: Path, encoded: list[int]) -> None:
    film = Arriving(clip)
    arrive_slowly(film, 0.3, 0.6, 0.95)
    made_early = set(film.pieces)
    encoded.clear()
    film.finish()
    work_off()
    assert film.shape["status"] == "completed"
    assert not made_early & set(encoded)
    assert encoded
    assert not EarlyWork.objects.exists()
    assert early_files(film) == []


# Of fragments the rate is known a little less exactly at first, and so is what it decides.
@pytest.mark.parametrize("name", ["mkv", "webm", "ts"])
def test_early_pieces_are_those_of_the_whole_file(
    clips: dict[str, Path], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Near the end of a file they are shorter, and others than those of one that came at once.
    monkeypatch.setattr(early, "ENDING_SECONDS", 0.0)
    film, plain = Arriving(clips[name]), Arriving(clips[name])
    arrive_slowly(film, 0.3, 0.6, 0.95)
    early_pieces = film.pieces
    film.finish()
    plain.arrive(1)
    plain.finish()
    work_off()

    def segments(arrived: Arriving) -> list[bytes]:
        folder = store().path(hls_folder(arrived.media_id)) / "1" / "144p"
        return [(folder / f"{number}.m4s").read_bytes() for number in early_pieces]

    assert segments(film) == segments(plain)
    assert len(early_pieces) >= 5


def test_pieces_are_shorter_near_the_end(clip: Path) -> None:
    film = Arriving(clip)
    arrive_slowly(film, 0.3, 0.68)
    usual = len(film.pieces)
    arrive_slowly(film, 0.75, 0.95)
    begun = EarlyWork.objects.get().begun
    assert begun is not None
    assert begun.plan.video is not None
    base, bounds = begun.plan.video.time_base, begun.plan.video.bounds[: begun.pieces + 1]
    seconds = [float((end - start) * base) for start, end in pairwise(bounds)]
    assert seconds[3:usual] == pytest.approx([6.0] * (usual - 3), abs=0.5)
    assert max(seconds[usual:]) < 2.5
    # What is there goes on for 28.5 s, and less than a piece and a second of it is uncertain.
    assert sum(seconds) > 28.5 - 2.5 - 1.0


def test_a_piece_that_is_being_made_at_the_last_byte_counts(
    clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = Arriving(clip)
    film.arrive(0.5)
    look = claim_job(worker="slow")
    assert look is not None
    worker.do_job(look, encoding.perform)
    claim = claim_job(worker="slow")
    assert claim is not None
    jobs = Job.objects.values("id", "kind", "args", "state", "token", "worker", "error_code")
    assert claim.job.args == {"piece": 0}, list(jobs)
    make_piece = encode.make_piece

    def meanwhile(source: Path, **options: object) -> object:
        monkeypatch.setattr(encode, "make_piece", make_piece)
        film.finish()
        work_off(kinds=[Job.Kind.INGEST])
        return make_piece(source, **options)  # type: ignore[arg-type]  # handed on as it came

    monkeypatch.setattr(encode, "make_piece", meanwhile)
    worker.do_job(claim, encoding.perform)
    assert Segment.objects.filter(number=0, rendition__name="144p").count() == 1
    assert Job.objects.get(pk=claim.job.pk).state == "done"
    assert early_files(film) == []


def test_bytes_that_are_not_acknowledged_are_not_encoded(clips: dict[str, Path]) -> None:
    film = Arriving(clips["mkv"])
    film.arrive(0.3)
    part = store().path(f"uploads/{film.upload.pk}.part")
    with part.open("r+b") as stored:
        stored.seek(0, 2)
        stored.write(film.data[int(0.3 * len(film.data)) :])
    work_off()
    reaches = EarlyWork.objects.get().reaches
    assert reaches
    assert reaches[-1] <= int(0.3 * len(film.data))


def test_pictures_of_a_little_too_many_bits_are_copied_as_it_was_begun(
    clips: dict[str, Path], encoded: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    film, video = Arriving(clips["copied"]), inspect(clips["copied"]).video
    assert video is not None
    arrive_slowly(film, 0.5)
    begun = film.pieces
    assert begun
    # From now on they are 1.1 times as many as are copied otherwise.
    most = sum(video.sizes) * 8 / 30 / 1.1
    monkeypatch.setattr(planning, "_COPY_ALWAYS_BPS", 0)
    monkeypatch.setattr(planning, "_COPY_BITS_PER_PIXEL", most / (426 * 240 * 10))
    assert planning.make_plan(inspect(clips["copied"])).copied_rung is None
    arrive_slowly(film, 0.95)
    assert len(film.pieces) > len(begun)
    made_early = set(film.pieces)
    encoded.clear()
    film.finish()
    work_off()
    assert film.shape["status"] == "completed"
    assert Rendition.objects.get(name="240p").is_copy
    assert not made_early & set(encoded)


def test_other_pictures_than_before_end_the_early_work(
    clips: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    film = Arriving(clips["mkv"])
    arrive_slowly(film, 0.5)
    assert film.shape["early"] == "begun"
    monkeypatch.setattr(early, "is_same_cut", lambda *_, **__: False)
    arrive_slowly(film, 0.95)
    assert film.shape["early"] == "later"
    monkeypatch.undo()
    film.finish()
    work_off()
    assert film.shape["status"] == "completed"


def test_each_look_waits_for_more_to_watch(clips: dict[str, Path]) -> None:
    film = Arriving(clips["mkv"])
    arrive_slowly(film, 0.5)
    looks = Job.objects.filter(kind=Job.Kind.EARLY, args={}).count()
    work = EarlyWork.objects.get()
    assert work.begun is not None
    second = int(0.5 * len(film.data) / work.begun.plan.duration_seconds)
    assert work.next_bytes is not None
    assert work.next_bytes >= 0.5 * len(film.data) + 0.9 * second
    film.arrive(0.5 + 0.5 * second / len(film.data))
    work_off()
    assert Job.objects.filter(kind=Job.Kind.EARLY, args={}).count() == looks


def test_two_workers_that_look_in_one_moment_queue_one_look(
    clips: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    film = Arriving(clips["mkv"])

    def meanwhile(path: Path, *, stored_bytes: int) -> Front:
        monkeypatch.setattr(arriving, "front_of", front_of)
        arriving.look_around()
        return front_of(path, stored_bytes=stored_bytes)

    monkeypatch.setattr(arriving, "front_of", meanwhile)
    film.arrive(0.3)
    assert Job.objects.filter(kind=Job.Kind.EARLY).count() == 1


@pytest.mark.parametrize(
    ("look_seconds", "part"), [(0.0, 1 / 600), (0.5, 1 / 32), (1.0, 1 / 8), (30.0, 1 / 8)]
)
def test_the_dearer_a_look_the_later_the_next_one(look_seconds: float, part: float) -> None:
    step = early.step_bytes(
        1 * MiB, duration_seconds=300, lacking_seconds=0.1, look_seconds=look_seconds
    )
    assert step == round(1 * MiB * part)


def test_a_look_waits_for_most_of_what_the_next_piece_lacks() -> None:
    step = early.step_bytes(1 * MiB, duration_seconds=100, lacking_seconds=4.0, look_seconds=0.0)
    assert step == round(1 * MiB * 3 / 100)


def test_a_stream_that_cannot_be_copied_is_encoded_later(
    clips: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    film = Arriving(clips["ts"])
    remux = encode.remux

    def fail(*_args: object, **_options: object) -> Path:
        raise ToolFailed("damaged")

    monkeypatch.setattr(encode, "remux", fail)
    arrive_slowly(film, 0.6)
    assert film.shape["early"] == "later"
    monkeypatch.setattr(encode, "remux", remux)
    film.finish()
    work_off()
    assert film.shape["status"] == "completed"


def test_nothing_is_left_of_an_upload_that_is_given_up(clip: Path) -> None:
    film = Arriving(clip)
    arrive_slowly(film, 0.6)
    film.give_up()
    work_off()
    assert early_files(film) == []
    assert not EarlyWork.objects.exists()


def test_a_stream_is_read_from_its_copy_when_all_of_it_is_there(clips: dict[str, Path]) -> None:
    film = Arriving(clips["ts"])
    arrive_slowly(film, 0.4)
    known = len(film.pieces)
    film.arrive(0.8)
    look = claim_job(worker="slow")
    assert look is not None
    worker.do_job(look, encoding.perform)
    claim = claim_job(worker="slow")
    assert claim is not None
    assert claim.job.args == {"piece": known}
    film.finish()
    worker.do_job(claim, encoding.perform)
    assert len(film.pieces) == known + 1
