"""ffmpeg command lines, as pure functions of the plan. docs/encoding.md explains each flag."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from media.ffmpeg.plan import (
    AUDIO_FRAME_SAMPLES,
    AV1,
    VIDEO_TIMESCALE,
    AudioPlan,
    Plan,
    PlannedRung,
    VideoPlan,
)
from media.ffmpeg.subtitles import subtitle_arguments
from media.ffmpeg.whitelist import INPUT_OPTIONS, MAX_PIXELS

#: A new keyframe at least this often, so that a player can start and switch.
KEYFRAME_SECONDS = 2

#: Frames of sound that are encoded and dropped before a later start, for a seamless join.
AUDIO_WARM_UP_FRAMES = 8

#: The picture that a poster is judged by.
GREY_WIDTH, GREY_HEIGHT = 64, 36

#: Enough samples to draw a wave by.
PEAKS_SAMPLE_RATE = 8000

#: How much earlier than that the source is sought, for decoders that need a run-up.
_AUDIO_RUN_UP_SECONDS = Fraction(2)

_SEEK = ("-noaccurate_seek", "-seek_timestamp", "1", "-ss")
_MOVFLAGS = "+empty_moov+default_base_moof+frag_discont+negative_cts_offsets+skip_trailer"
#: Closed groups of pictures, and keyframes only where they are asked for.
_X264 = "scenecut=0:open-gop=0"

#: With a short look ahead, superfast is nearly as good as veryfast, for two thirds of its time.
_X264_OF_PRESET = {"superfast": ":mbtree=1:rc-lookahead=10"}

#: Where chroma samples lie in every rung: where players take them to be.
_CHROMA = "left"

#: Colour matrices of H.273 that zimg takes as they come: it refuses RGB and what is reserved.
_MATRICES_OF_ZIMG = frozenset({1, 2, 5, 6, 7, 9})

_HUGE_MICROSECONDS = "2000000000"
_TONE_MAP = (
    "zscale=t=linear:npl=203,format=gbrpf32le,zscale=p=bt709,"
    "tonemap=hable:desat=0,zscale=t=bt709:m=bt709:r=tv"
)


def piece_command(
    ffmpeg: str,
    plan: Plan,
    *,
    number: int,
    rungs: Sequence[PlannedRung],
    source: Path,
    out_dir: Path,
    run_up_seconds: int = 0,
) -> list[str]:
    """Decode piece `number` once and encode it for `rungs`: {rung}.mp4 in `out_dir`.

    With a run-up, decoding begins earlier by that.
    """
    video = _video(plan)
    seek = seek_arguments(video, number, run_up_seconds)
    start, end = video.bounds[number], video.bounds[number + 1]
    graph = f"[0:{video.stream_index}]{_picked(video, start, end)}{_prepared(video)}"
    return [
        *_beginning(ffmpeg, source, *seek),
        *_filter_threads(video),
        "-filter_complex",
        graph + cascade(video, rungs),
        *(word for rung in rungs for word in _rung_output(rung, out_dir)),
    ]


def still_command(
    ffmpeg: str, plan: Plan, *, number: int, rungs: Sequence[PlannedRung], out_dir: Path
) -> list[str]:
    """One dark picture in place of a piece that cannot be decoded, for `rungs`."""
    video = _video(plan)
    graph = ";".join(f"{_still(video, rung, video.marks[number])}[v{rung.name}]" for rung in rungs)
    return [
        *_general(ffmpeg),
        "-copyts",
        "-filter_complex",
        graph,
        *(word for rung in rungs for word in _rung_output(rung, out_dir)),
    ]


def _still(video: VideoPlan, rung: PlannedRung, mark: int) -> str:
    """One dark picture at `mark`, described to the encoder as those of pieces are."""
    return (
        f"color=c=0x101010:s={rung.width}x{rung.height}:r={video.frame_rate},format=yuv420p,"
        f"trim=end_frame=1,settb=1/{VIDEO_TIMESCALE},setpts={mark},"
        f"{_colours(video)}:chroma_location={_CHROMA}"
    )


def seek_arguments(video: VideoPlan, number: int, run_up_seconds: int = 0) -> list[str]:
    """Seek to where decoding of piece `number` begins; nothing where that is the beginning.

    Without -seek_timestamp, sources that do not begin at 0 would lose frames. And without
    -noaccurate_seek FFmpeg drops what is before by itself, but counts where the file begins twice:
    from a source that begins at an hour, nothing was left.
    """
    tick = video.sought(number)
    if tick is None:
        return []
    seconds = tick * video.time_base - run_up_seconds
    if seconds < video.bounds[0] * video.time_base:
        return []
    return [*_SEEK, f"{math.ceil(seconds * 1_000_000)}us"]


def cascade(video: VideoPlan, rungs: Sequence[PlannedRung]) -> str:
    """Scale to the first rung, then each rung from the one above it; labels are rung names.

    Lanczos, or the low rungs lose quality with every step. The first step brings the picture to
    8 bits 4:2:0 and, for HDR, to the tones of a usual screen, once for all rungs.
    """
    first, *others = rungs
    graph = f"{_first_step(video, first)},setsar=1"
    for above, rung in pairwise(rungs):
        step = _scale(rung, is_plain=_is_known_to_zimg(video))
        graph += f",split[v{above.name}][c{rung.name}];[c{rung.name}]{step},setsar=1"
    return graph + f"[v{(others or [first])[-1].name}]"


def _first_step(video: VideoPlan, rung: PlannedRung) -> str:
    """From the pictures of the source to the first rung."""
    colours = _colours(video)
    if video.has_plain_pixels and _is_known_to_zimg(video):
        scale = f"{_scale(rung, is_plain=True)}:chromal={_CHROMA}"
        return f",setfield=prog,{colours},{scale},format=yuv420p"
    scale = _scale(rung, is_plain=False)
    if video.is_hdr:
        return f",{scale},{_TONE_MAP}:chromal={_CHROMA},format=yuv420p,{colours}"
    # FFmpeg's own scaler takes chroma to be centred where nothing is said; players do not.
    chroma = f"in_chroma_loc={'center' if video.has_centred_chroma else 'left'}"
    chroma += f":out_chroma_loc={_CHROMA}"
    tail = ":out_range=tv" if video.is_full_range else ""
    return f",{scale}:{chroma}{tail},format=yuv420p,{colours}"


def _scale(rung: PlannedRung, *, is_plain: bool) -> str:
    """By zimg, in half the time of FFmpeg's own scaler; what is not plain it may refuse."""
    if is_plain:
        return f"zscale={rung.width}:{rung.height}:filter=lanczos"
    return f"scale={rung.width}:{rung.height}:flags=lanczos"


def _is_known_to_zimg(video: VideoPlan) -> bool:
    return video.is_hdr or video.color_space in _MATRICES_OF_ZIMG


def _filter_threads(video: VideoPlan) -> list[str]:
    """One, since decoder and encoders have theirs; but mapping tones is as slow as those."""
    return [] if video.is_hdr else ["-filter_complex_threads", "1"]


def audio_command(
    ffmpeg: str, plan: Plan, *, first: int, source: Path, last: int | None = None
) -> list[str]:
    """Encode the sound from segment `first` on, as fragments of about half a second to stdout.

    The output has exactly the planned number of frames: silence is added where the source has
    none, and what is beyond the ends is left out. Gaps are filled after the change of rate, since
    `first_pts` counts in samples of what comes in.
    """
    audio = _audio(plan)
    start = audio.marks[first]
    end = audio.marks[-1 if last is None else last + 1]
    warm = max(start - AUDIO_WARM_UP_FRAMES * AUDIO_FRAME_SAMPLES, 0)
    seek: list[str] = []
    if warm:
        seconds = Fraction(warm, audio.sample_rate) + plan.origin_seconds - _AUDIO_RUN_UP_SECONDS
        seek = [*_SEEK, f"{float(seconds):.6f}"]
    layout = "mono" if audio.channels == 1 else "stereo"
    graph = (
        f"[0:{audio.stream_index}]asetpts=PTS-{float(plan.origin_seconds):.9f}/TB,"
        f"aresample={audio.sample_rate},"
        f"aformat=sample_fmts=fltp:channel_layouts={layout},"
        f"atrim=start_pts={warm},aresample=async=1:first_pts={warm},"
        f"apad,atrim=end_sample={end - warm + AUDIO_FRAME_SAMPLES}[a]"
    )
    return [
        *_beginning(ffmpeg, source, *seek),
        "-filter_complex",
        graph,
        *_audio_output(audio, f"noise=drop=lt(pts\\,{start})+gte(pts\\,{end})", "pipe:1"),
    ]


def init_command(ffmpeg: str, plan: Plan, *, out_dir: Path) -> list[str]:
    """Encode one picture for every rung that is not copied, and a moment of silence: the inits.

    The outputs are {rung}.mp4 and audio.mp4, made exactly as those of pieces are. What the source
    shows makes no difference to an init, so it is not read.
    """
    rungs = [rung for rung in plan.video.rungs if not rung.is_copy] if plan.video else []
    if rungs:
        command = still_command(ffmpeg, plan, number=0, rungs=rungs, out_dir=out_dir)
    else:
        command = [*_general(ffmpeg), "-copyts"]
    audio = plan.audio
    if audio is None or audio.is_copy:
        return command
    layout = "mono" if audio.channels == 1 else "stereo"
    samples = 2 * AUDIO_FRAME_SAMPLES
    silence = (
        f"anullsrc=r={audio.sample_rate}:cl={layout},aformat=sample_fmts=fltp,"
        f"atrim=end_sample={samples}[a]"
    )
    return [
        *command,
        *("-filter_complex", silence),
        *_audio_output(audio, "noise=drop=lt(pts\\,0)", str(out_dir / "audio.mp4")),
    ]


def poster_command(ffmpeg: str, plan: Plan, *, number: int, source: Path, out: Path) -> list[str]:
    """A still as JPEG, and the same in 64 × 36 shades of grey to stdout, to be judged by.

    Of the piece after the first, or the only one, it is the most typical of a second of frames; of
    a later piece the keyframe at or before its beginning, which costs one decoded picture.
    """
    video = _video(plan)
    at = video.bounds[number]
    seek = seek_arguments(video, number)
    rung = video.rungs[0]
    scale = min(1.0, 1280 / max(rung.width, rung.height))
    width, height = (max(round(side * scale / 2) * 2, 2) for side in (rung.width, rung.height))
    tone_map = f",{_TONE_MAP}" if video.is_hdr else ""
    is_typical = number <= 1
    picked = f"trim=start_pts={at},thumbnail=24" if is_typical else "null"
    graph = (
        f"[0:{video.stream_index}]{picked}{_prepared(video)},"
        f"scale={width}:{height}:out_range=pc{tone_map},format=yuvj420p,setsar=1,split[poster][p];"
        f"[p]scale={GREY_WIDTH}:{GREY_HEIGHT}:flags=area,format=gray[grey]"
    )
    return [
        *_beginning(ffmpeg, source, *(() if is_typical else ("-skip_frame", "nokey")), *seek),
        *("-filter_complex", graph, "-map", "[poster]", "-frames:v", "1", "-update", "1"),
        *("-map_metadata", "-1", "-c:v", "mjpeg", "-q:v", "4", "-f", "image2", str(out)),
        *("-map", "[grey]", "-frames:v", "1", "-f", "rawvideo", "pipe:1"),
    ]


def storyboard_command(
    ffmpeg: str,
    *,
    source: Path,
    out: Path,
    interval_ms: int,
    count: int,
    size: tuple[int, int],
    side: int,
) -> list[str]:
    """`count` stills of `size`, one per interval, in sheets of `side` × `side`.

    `out` has a %d for the number of the sheet. A still is what is shown in the middle of its
    interval; where the picture ends early, the last one stays.
    """
    graph = (
        f"scale={size[0]}:{size[1]}:flags=area:out_range=pc,format=yuvj420p,setsar=1,"
        f"fps=1000/{interval_ms}:start_time=0:round=near:eof_action=pass,"
        f"tpad=stop=-1:stop_mode=clone,trim=end_frame={count},tile={side}x{side}"
    )
    return [
        *_beginning(ffmpeg, source),
        *("-vf", graph, "-an", "-fps_mode", "passthrough", "-map_metadata", "-1"),
        *("-c:v", "mjpeg", "-q:v", "5", "-f", "image2", "-start_number", "0", str(out)),
    ]


def loudness_command(ffmpeg: str, *, source: Path) -> list[str]:
    """Measure after EBU R128, told in the log; to stdout one channel of samples to be drawn."""
    graph = (
        "[0:a]asplit[a][b];[a]ebur128=peak=true:framelog=quiet[measured];"
        f"[b]aformat=channel_layouts=mono,aresample={PEAKS_SAMPLE_RATE},aformat=s16[drawn]"
    )
    return [
        *(ffmpeg, "-nostdin", "-hide_banner", "-nostats", "-v", "info", "-y"),
        *_input(source),
        *("-filter_complex", graph, "-map_metadata", "-1"),
        *("-map", "[measured]", "-f", "null", "-"),
        *("-map", "[drawn]", "-f", "s16le", "pipe:1"),
    ]


def subtitles_command(ffmpeg: str, plan: Plan, *, source: Path, out_dir: Path) -> list[str]:
    """All subtitles as WebVTT: {name}.vtt in `out_dir`."""
    before, outputs = subtitle_arguments(
        plan.subtitles, origin_seconds=plan.origin_seconds, out_dir=out_dir
    )
    return [*_beginning(ffmpeg, source, *before), *outputs]


def remux_command(ffmpeg: str, *, source: Path, out: Path) -> list[str]:
    """Copy the first picture and the first sound into Matroska, with timestamps made up.

    A picture is not cover art (`V`): an MP3 with a cover is sound.
    """
    return [
        *_general(ffmpeg),
        *("-fflags", "+genpts"),
        *_input(source),
        *("-map", "0:V:0?", "-map", "0:a:0?", "-sn", "-dn"),
        *("-map_metadata", "-1", "-map_chapters", "-1", "-c", "copy"),
        *("-f", "matroska", str(out)),
    ]


def join_command(ffmpeg: str, *, inputs: Sequence[Path], out: Path) -> list[str]:
    """Copy the packets of all inputs into one MP4 with its index in front."""
    return [
        *_general(ffmpeg),
        *(word for path in inputs for word in _input(path)),
        *(word for number in range(len(inputs)) for word in ("-map", str(number))),
        *("-map_metadata", "-1", "-c", "copy", "-f", "mp4", "-movflags", "+faststart", str(out)),
    ]


def _general(ffmpeg: str) -> list[str]:
    return [ffmpeg, "-nostdin", "-hide_banner", "-v", "error", "-y"]


def _beginning(ffmpeg: str, source: Path, *seek: str) -> list[str]:
    return [*_general(ffmpeg), "-copyts", *seek, *_input(source)]


def _input(source: Path) -> list[str]:
    options = [word for name, value in INPUT_OPTIONS.items() for word in (f"-{name}", value)]
    return [*options, "-max_pixels", str(MAX_PIXELS), "-i", f"file:{source}"]


def _picked(video: VideoPlan, start: int, end: int) -> str:
    """Exactly the frames from `start` to before `end`, on the clock of the segments.

    Damaged streams show two frames at one time; the second is moved on by a tick, or the encoder
    would move all that follow. (In this order, since the time before the first frame is NaN.)
    """
    base = video.time_base
    fields = f"bwdif=mode=send_frame:deint=interlaced,settb={base}," if video.is_interlaced else ""
    clock = f"setpts=max(PREV_OUTPTS+1\\,PTS-{video.bounds[0]})"
    return f"{fields}trim=start_pts={start}:end_pts={end},{clock}"


def _prepared(video: VideoPlan) -> str:
    """Say what an HDR source is; the tone mapping believes it."""
    if not video.is_hdr:
        return ""
    transfer = {16: "smpte2084", 18: "arib-std-b67"}[video.color_transfer]
    return f",setparams=color_primaries=bt2020:color_trc={transfer}:colorspace=bt2020nc"


def _colours(video: VideoPlan) -> str:
    """The same colour description in every piece, or their inits would differ."""
    if video.is_hdr:
        return "setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709"
    return (
        f"setparams=range=tv:color_primaries={video.color_primaries}"
        f":color_trc={video.color_transfer}:colorspace={video.color_space}"
    )


def _level(rung: PlannedRung) -> int | None:
    """The level that the init of a rung names, for example 31 for 3.1; None without an init.

    Level 1b is 9 to encoders. Where CABAC is off, an init names it as 11 with a constraint.
    """
    if not rung.init or rung.encoder == AV1:
        return None
    _, constraints, level = bytes.fromhex(rung.codecs.removeprefix("avc1."))
    return 9 if level == 11 and constraints & 0x10 else level


def _x264(rung: PlannedRung) -> str:
    options = _X264 + _X264_OF_PRESET.get(rung.preset, "")
    return f"{options}:{rung.options}" if rung.options else options


def _rung_output(rung: PlannedRung, out_dir: Path) -> list[str]:
    return [
        *("-map", f"[v{rung.name}]"),
        *(_av1_encoder(rung) if rung.encoder == AV1 else _x264_encoder(rung)),
        *("-fps_mode", "passthrough", "-enc_time_base", f"1:{VIDEO_TIMESCALE}"),
        *("-video_track_timescale", str(VIDEO_TIMESCALE)),
        *_fragments(_HUGE_MICROSECONDS),
        str(out_dir / f"{rung.name}.mp4"),
    ]


def _x264_encoder(rung: PlannedRung) -> list[str]:
    """The encoder would choose its level after the rate of what it gets; the init has said it."""
    level = _level(rung)
    return [
        *("-c:v", "libx264", "-threads", "1", "-preset", rung.preset, "-crf", f"{rung.crf:g}"),
        *("-maxrate", f"{rung.max_kbps}k", "-bufsize", f"{2 * rung.max_kbps}k"),
        *("-pix_fmt", "yuv420p", "-profile:v", "high", "-g", "600"),
        *(("-level:v", str(level)) if level else ()),
        *("-force_key_frames", f"expr:gte(t,n_forced*{KEYFRAME_SECONDS})"),
        *("-x264-params", _x264(rung)),
    ]


def _av1_encoder(rung: PlannedRung) -> list[str]:
    """SVT-AV1 places keyframes by its own count, and is told the rate: the filters lose it."""
    return [
        *("-c:v", AV1, "-preset", rung.preset, "-crf", f"{rung.crf:g}"),
        *("-pix_fmt", "yuv420p", "-svtav1-params", rung.options),
    ]


def _audio_output(audio: AudioPlan, packet_filter: str, out: str) -> list[str]:
    return [
        *("-map", "[a]", "-c:a", "aac", "-b:a", str(audio.bit_rate_bps)),
        *("-bsf:a", packet_filter, "-flush_packets", "1"),
        *_fragments("500000"),
        out,
    ]


def _fragments(microseconds: str) -> list[str]:
    return [
        *("-map_metadata", "-1", "-fflags", "+bitexact", "-f", "mp4", "-movflags", _MOVFLAGS),
        *("-frag_duration", microseconds, "-use_editlist", "0"),
        *("-avoid_negative_ts", "disabled"),
    ]


def _video(plan: Plan) -> VideoPlan:
    if plan.video is None:
        raise ValueError("the plan has no picture")
    return plan.video


def _audio(plan: Plan) -> AudioPlan:
    if plan.audio is None:
        raise ValueError("the plan has no sound")
    return plan.audio
