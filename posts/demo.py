"""What `manage.py demo` fills a fresh instance with: people, clips, posts, comments, likes.

Everything goes through the services that people's own uploads and posts go through, so a second
run finds what the first made, and the workers encode the clips whenever they run.
"""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from media.ffmpeg.binary import ffmpeg_binary
from media.ffmpeg.run import run
from media.models import MediaFile
from media.services import uploads
from media.store import part_key, store
from posts import services
from posts.models import Comment, Post
from users.models import User
from users.services import make_account

#: How much of a clip is recorded at a time.
_CHUNK_BYTES = 8 * 1024 * 1024

Tell = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Clip:
    """A clip that FFmpeg invents: its picture and its sound as filter graphs."""

    filename: str
    title: str
    picture: str
    sound: str
    seconds: int


@dataclass(frozen=True, kw_only=True)
class Story:
    """A post: who says what, with which clip, and who answers what."""

    author: str
    text: str
    clip: Clip | None = None
    comments: tuple[tuple[str, str], ...] = ()
    liked_by: tuple[str, ...] = ()


PEOPLE = ("maya", "jonas", "amara", "kenji")


def _chord(*frequencies_hz: float, beat_hz: float) -> str:
    """A soft chord that swells `beat_hz` times a second."""
    waves = "+".join(f"sin(2*PI*{frequency}*t)" for frequency in frequencies_hz)
    volume = 0.35 / len(frequencies_hz)
    return f"aevalsrc='{volume}*({waves})':sample_rate=48000,tremolo=f={beat_hz}:d=0.6"


MANDELBROT = Clip(
    filename="seahorse-valley.mp4",
    title="Down into the seahorse valley",
    picture="mandelbrot=size=960x540:rate=24:maxiter=600:start_scale=2.2:end_scale=0.002"
    ":end_pts=520:start_x=-0.7436:start_y=-0.1318:inner=mincol,hue=h=40*t/6:s=1.3",
    sound=_chord(110.0, 164.81, 220.0, 277.18, beat_hz=0.25),
    seconds=16,
)
LIFE = Clip(
    filename="game-of-life.mp4",
    title="Conway's Game of Life on 14,400 cells",
    picture="life=size=160x90:rate=12:ratio=0.28:mold=12:seed=7:stitch=1"
    ":life_color=#ffd166:death_color=#118ab2:mold_color=#06283d,"
    "fps=24,scale=1280:720:flags=neighbor",
    sound=_chord(196.0, 246.94, 293.66, beat_hz=3.0),
    seconds=16,
)
EVENING = Clip(
    filename="evening-sky.mp4",
    title="Evening sky over the harbour",
    picture="gradients=size=1280x720:rate=24:speed=0.03:type=linear:nb_colors=5:seed=11"
    ":x0=0:y0=0:x1=900:y1=720:c0=#1b1b3a:c1=#693668:c2=#a74482:c3=#f84aa7:c4=#ffb86b",
    sound=_chord(130.81, 196.0, 261.63, 329.63, beat_hz=0.2),
    seconds=12,
)
TEST_CARD = Clip(
    filename="test-card.mp4",
    title="Test card with a beep every second",
    picture="testsrc2=size=1920x1080:rate=30",
    sound="sine=frequency=440:beep_factor=4:sample_rate=48000,volume=0.3",
    seconds=12,
)
SPIRAL = Clip(
    filename="spiral-upright.mp4",
    title="A spiral, held upright",
    picture="gradients=size=720x1280:rate=24:speed=0.06:type=spiral:nb_colors=4:seed=4"
    ":c0=#0b7a75:c1=#d7c9aa:c2=#7b2d26:c3=#19535f",
    sound=_chord(146.83, 220.0, 369.99, beat_hz=0.5),
    seconds=10,
)

STORIES = (
    Story(
        author="jonas",
        text="Welcome to our own Reelay. Nothing here leaves this machine.",
        comments=(("maya", "At last. No ads, no algorithm."), ("kenji", "How big is the disk?")),
        liked_by=("maya", "amara", "kenji"),
    ),
    Story(
        author="kenji",
        text="The test card, for checking that picture and sound are in step.",
        clip=TEST_CARD,
        comments=(("jonas", "In step here, on the phone too."),),
        liked_by=("jonas",),
    ),
    Story(
        author="amara",
        text="Filmed upright, because that is how I hold the thing.",
        clip=SPIRAL,
        comments=(("kenji", "And it plays upright. Nice."),),
        liked_by=("maya", "kenji"),
    ),
    Story(
        author="maya",
        text="A few rules, no plan, and yet it looks alive.",
        clip=LIFE,
        comments=(
            ("amara", "I could watch this for hours."),
            ("jonas", "The glider at the top left!"),
        ),
        liked_by=("jonas", "amara", "kenji"),
    ),
    Story(
        author="amara",
        text="The sky last night.\nI did not touch the colours.",
        clip=EVENING,
        comments=(("maya", "You did touch the colours."), ("amara", "A little.")),
        liked_by=("maya", "jonas"),
    ),
    Story(
        author="maya",
        text="Zooming until the numbers run out. Jump to the end: it is sharp at once.",
        clip=MANDELBROT,
        comments=(
            ("kenji", "How deep is this?"),
            ("maya", "A thousand times. Ask me again with more digits."),
            ("jonas", "The second browser saw the comment before I let go of the key."),
        ),
        liked_by=("jonas", "amara", "kenji"),
    ),
)


def password_of(username: str) -> str:
    """The password of a demo account: the same at every run, and known to this instance alone."""
    key = settings.SECRET_KEY.encode()
    digest = hmac.digest(key, f"reelay.demo:{username}".encode(), hashlib.sha256).hex()
    return "-".join(digest[start : start + 4] for start in range(0, 16, 4))


def fill(tell: Tell, *, clip_seconds: int | None = None) -> dict[str, str]:
    """Make what is missing of the demo; returns the passwords by name."""
    people = {name: _account(name, tell) for name in PEOPLE}
    for number, story in enumerate(STORIES, 1):
        clip = f" (makes {story.clip.filename})" if story.clip else ""
        tell(f"post {number} of {len(STORIES)}{clip}")
        _tell_story(story, people, clip_seconds)
    return {name: password_of(name) for name in PEOPLE}


def _account(name: str, tell: Tell) -> User:
    user = User.objects.named(name).first()
    if user is None:
        tell(f"account {name}")
        email = f"{name}@demo.invalid"
        return make_account(username=name, email=email, password=password_of(name))
    return user


def _tell_story(story: Story, people: dict[str, User], clip_seconds: int | None) -> None:
    author = people[story.author]
    post = Post.objects.filter(author=author, text=story.text).first()
    if post is None:
        media = [_media(story.clip, author, clip_seconds).pk] if story.clip else []
        post = services.create_post(actor=author, text=story.text, media=media)
    for name in story.liked_by:
        services.like_post(actor=people[name], post_id=post.pk)
    for name, text in story.comments:
        if not Comment.objects.filter(post=post, author=people[name], text=text).exists():
            services.create_comment(actor=people[name], post_id=post.pk, text=text)


def _media(clip: Clip, owner: User, seconds: int | None) -> MediaFile:
    """The clip as a media file; one that arrived before is not made again."""
    known = MediaFile.objects.filter(owner=owner, filename=clip.filename)
    arrived = known.exclude(state__in=["uploading", "failed", "cancelled"]).first()
    if arrived is not None:
        return arrived
    with store().work_dir() as folder:
        path = folder / clip.filename
        render(clip, path, seconds=seconds)
        return _upload(path, clip, owner)


def render(clip: Clip, path: Path, *, seconds: int | None = None) -> None:
    """Make the clip as a camera would save it: H.264 with a keyframe every two seconds, AAC."""
    length = str(seconds or clip.seconds)
    inputs = ["-f", "lavfi", "-i", clip.picture, "-f", "lavfi", "-i", clip.sound, "-t", length]
    video = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "24", "-maxrate", "6M"]
    video += [
        "-bufsize",
        "6M",
        "-pix_fmt",
        "yuv420p",
        "-force_key_frames",
        "expr:gte(t,n_forced*2)",
    ]
    audio = ["-c:a", "aac", "-b:a", "128k", "-ac", "2", "-movflags", "+faststart"]
    run(
        [ffmpeg_binary(), "-v", "error", "-nostdin", *inputs, *video, *audio, str(path)],
        timeout_seconds=300,
    )


def _upload(path: Path, clip: Clip, owner: User) -> MediaFile:
    """Put the file through an upload of its own, in chunks, as a client does."""
    size = path.stat().st_size
    upload = uploads.create_upload(
        actor=owner,
        length_bytes=size,
        metadata={
            "filename": clip.filename,
            "title": clip.title,
            "filetype": "video/mp4",
            "visibility": "public",
        },
        header="",
    )
    claim = uploads.claim_upload(actor=owner, upload_id=upload.pk, offset_bytes=0, size_bytes=size)
    part = store().open_part(part_key(upload.pk))
    try:
        with path.open("rb") as source:
            while chunk := source.read(_CHUNK_BYTES):
                part.write(claim.offset_bytes, [chunk], until=claim.until)
                claim = uploads.record_bytes(claim, to_bytes=claim.offset_bytes + len(chunk))
    finally:
        part.close()
    uploads.finish_upload(upload_id=upload.pk)
    return MediaFile.objects.get(upload=upload)
