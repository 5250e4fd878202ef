"""The playlists of a media file, from its plan and from what is made of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from media.ffmpeg.plan import AUDIO, VIDEO_TIMESCALE, Plan, PlannedRung
from media.hls import mpd, playlists

#: The rung that is made first where nothing can be copied: small enough to be there at once.
LEAD_SHORT_SIDE_PX = 360
#: Single pictures are listed of rungs up to this size, and of a larger one if there is no other.
I_FRAMES_SHORT_SIDE_PX = 480


@dataclass(frozen=True, kw_only=True)
class Made:
    """How far a rendition is; its bits per second are known once it is complete."""

    is_complete: bool
    peak_bps: int | None = None
    average_bps: int | None = None
    #: The same of a list of its first pictures, if all of them are known.
    pictures_peak_bps: int | None = None
    pictures_average_bps: int | None = None


_NOTHING = Made(is_complete=False)


@dataclass(frozen=True, kw_only=True)
class Beside:
    """A second ladder of the same pictures, complete, with the sound of the first."""

    plan: Plan
    number: int
    made: Mapping[str, Made]


def lead_of(rungs: Sequence[tuple[str, int, bool]]) -> str | None:
    """The rung that a viewer can start with: the copied one, else the largest up to 360p.

    `rungs` are name, short side and whether it is copied, the largest first.

    >>> lead_of([("720p", 720, False), ("360p", 360, False), ("240p", 240, False)])
    '360p'
    >>> lead_of([("1080p", 1080, True), ("360p", 360, False)]), lead_of([("480p", 480, False)])
    ('1080p', '480p')
    """
    copied = [name for name, _, is_copy in rungs if is_copy]
    small = [name for name, short_side_px, _ in rungs if short_side_px <= LEAD_SHORT_SIDE_PX]
    return next(iter([*copied, *small, *(name for name, _, _ in rungs[-1:])]), None)


def lead_rung(plan: Plan) -> str | None:
    """The rung of `plan` that a viewer can start with; None where there is only sound."""
    rungs = plan.video.rungs if plan.video else ()
    return lead_of([(rung.name, min(rung.width, rung.height), rung.is_copy) for rung in rungs])


def multivariant(
    plan: Plan,
    *,
    number: int,
    made: Mapping[str, Made],
    with_planned: bool = False,
    beside: Beside | None = None,
) -> str:
    """The multivariant playlist: the lead rung always, the others when they are complete.

    With `with_planned` all rungs are listed, for a player that knows which segments exist. Those of
    a second ladder come after them; the codecs tell a player what it can take.
    """
    videos = [
        _video(rung, number, plan, made.get(rung.name, _NOTHING))
        for rung in _listed(plan, made, with_planned=with_planned)
    ]
    if beside is not None and beside.plan.video:
        videos += [
            _video(rung, beside.number, beside.plan, beside.made.get(rung.name, _NOTHING))
            for rung in beside.plan.video.rungs
        ]
    subtitles = [
        playlists.SubtitleRendition(
            uri=f"{number}/{track.name}/index.m3u8", name=track.label, language=track.language
        )
        for track in plan.subtitles
    ]
    return playlists.multivariant(
        videos=videos,
        audio=_audio(plan, number, made),
        subtitles=subtitles,
        i_frames=_i_frames(plan, number, made),
    )


def _i_frames(plan: Plan, number: int, made: Mapping[str, Made]) -> list[playlists.IFrameRendition]:
    """Lists of single pictures, of the rungs that are small enough to rush through."""
    found = [
        (
            min(rung.width, rung.height),
            playlists.IFrameRendition(
                uri=f"{number}/{rung.name}/iframes.m3u8",
                codecs=rung.codecs,
                width=rung.width,
                height=rung.height,
                peak_bps=facts.pictures_peak_bps,
                average_bps=facts.pictures_average_bps or facts.pictures_peak_bps,
            ),
        )
        for rung in (plan.video.rungs if plan.video else ())
        if (facts := made.get(rung.name, _NOTHING)).is_complete and facts.pictures_peak_bps
    ]
    small = [pictures for side, pictures in found if side <= I_FRAMES_SHORT_SIDE_PX]
    return small or [pictures for _, pictures in found[-1:]]


def _listed(plan: Plan, made: Mapping[str, Made], *, with_planned: bool) -> Sequence[PlannedRung]:
    lead = lead_rung(plan)
    return [
        rung
        for rung in (plan.video.rungs if plan.video else ())
        if with_planned or rung.name == lead or made.get(rung.name, _NOTHING).is_complete
    ]


def manifest(
    plan: Plan, *, number: int, made: Mapping[str, Made], with_planned: bool = False
) -> str:
    """The DASH manifest of the same renditions and segments."""
    video, audio = plan.video, plan.audio
    return mpd.manifest(
        folder=str(number),
        duration_seconds=plan.duration_seconds,
        pictures=[
            mpd.Picture(
                name=rung.name,
                codecs=rung.codecs,
                width=rung.width,
                height=rung.height,
                frame_rate=video.frame_rate if video else Fraction(0),
                peak_bps=made.get(rung.name, _NOTHING).peak_bps or rung.peak_bps,
            )
            for rung in _listed(plan, made, with_planned=with_planned)
        ],
        picture_timeline=mpd.Timeline(timescale=VIDEO_TIMESCALE, marks=video.marks)
        if video
        else None,
        sound=mpd.Sound(
            name=AUDIO,
            codecs=audio.codecs,
            channels=audio.channels,
            sample_rate=audio.sample_rate,
            peak_bps=made.get(AUDIO, _NOTHING).peak_bps or audio.bit_rate_bps,
        )
        if audio
        else None,
        sound_timeline=mpd.Timeline(timescale=audio.sample_rate, marks=audio.marks)
        if audio
        else None,
        tracks=[
            mpd.Track(uri=f"{number}/{track.name}/0.vtt", name=track.label, language=track.language)
            for track in plan.subtitles
        ],
    )


def variant(plan: Plan, rung: str) -> str:
    """The playlist of one rendition: every planned segment, from the first moment on."""
    if rung in plan.subtitle_names:
        return playlists.variant(
            durations_seconds=[plan.duration_seconds], init_uri=None, segment_uri="{number}.vtt"
        )
    return playlists.variant(durations_seconds=[s.duration_seconds for s in plan.segments(rung)])


def i_frames(plan: Plan, rung: str, picture_bytes: Sequence[int]) -> str:
    """The list of the first pictures of all segments of one rendition."""
    return playlists.i_frames_only(
        durations_seconds=[segment.duration_seconds for segment in plan.segments(rung)],
        picture_bytes=picture_bytes,
    )


def _video(rung: PlannedRung, number: int, plan: Plan, made: Made) -> playlists.VideoRendition:
    return playlists.VideoRendition(
        uri=f"{number}/{rung.name}/index.m3u8",
        codecs=rung.codecs,
        width=rung.width,
        height=rung.height,
        frame_rate=plan.video.frame_rate if plan.video else Fraction(0),
        peak_bps=made.peak_bps or rung.peak_bps,
        average_bps=made.average_bps or rung.average_bps,
    )


def _audio(plan: Plan, number: int, made: Mapping[str, Made]) -> playlists.AudioRendition | None:
    if plan.audio is None:
        return None
    exact = made.get(AUDIO, _NOTHING)
    return playlists.AudioRendition(
        uri=f"{number}/{AUDIO}/index.m3u8",
        codecs=plan.audio.codecs,
        channels=plan.audio.channels,
        peak_bps=exact.peak_bps or plan.audio.bit_rate_bps,
        average_bps=exact.average_bps or plan.audio.bit_rate_bps,
    )
