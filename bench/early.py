"""How long a video is not complete after its last byte, on a link that takes a minute.

Starts `manage.py serve` with a folder of its own and uploads the same clip once in each way that a
file can be read while it arrives, through a link that takes LINK_SECONDS; and once without early
work, as fast as it goes. The clip is a minute of 720p that has to be encoded in all rungs, because
it is upside down; a transport stream cannot say so, and its top rung is copied. The last line is
one JSON object. BENCH_SOURCE names another clip.

python -m bench.early [kind ...]
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.clip import bench_clip
from media.ffmpeg.binary import ffmpeg_binary
from tests.product import running
from tests.slow_link import SlowUpload, early_progress, index_at

FOLDER = Path("var/bench/early")
LINK_SECONDS = 60.0
SECONDS = 60
_PATIENCE_SECONDS = 600.0


#: What FFmpeg makes each kind of, from the clip with its index first.
KINDS = {
    "index-first": ("mp4", "-movflags +faststart"),
    "index-last": ("mp4", ""),
    "fragments": ("mp4", "-movflags +frag_keyframe+empty_moov+default_base_moof"),
    "matroska": ("mkv", ""),
    "stream": ("ts", ""),
}


def main() -> None:
    """Measure all ways and print them."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    source, words = bench_clip(FOLDER, seconds=SECONDS)
    clip = turned(source)
    print(f"{clip.name}: {words}; {SECONDS} s, {clip.stat().st_size / 1e6:.0f} MB")
    print(f"{'':24}{'complete after':>16}{'made when it ended':>20}")
    without, _ = measure(clip, "", link_seconds=1.0, EARLY_ENCODING="false")
    print(f"{'encoding begun then':24}{without:14.1f} s")
    found: dict[str, object] = {"link_s": LINK_SECONDS, "without_s": round(without, 1)}
    for kind in sys.argv[1:] or KINDS:
        complete, percent = measure(as_kind(clip, kind), kind, link_seconds=LINK_SECONDS)
        print(f"{kind:24}{complete:14.1f} s{percent:18d} %")
        found[kind] = {"complete_s": round(complete, 1), "made_percent": percent}
    print(json.dumps(found))


def measure(clip: Path, kind: str, *, link_seconds: float, **settings: str) -> tuple[float, int]:
    """Seconds from the last byte's answer until all is made; percent that was made by then."""
    with (
        tempfile.TemporaryDirectory(prefix="reelay-bench-") as folder,
        running(Path(folder), **settings) as product,
    ):
        token = product.sign_up("bench")
        upload = SlowUpload(product, clip, token, seconds=link_seconds)
        if kind == "index-last":
            upload.send_tail(index_at(clip))
        upload.send(until=0.999)
        percent = early_progress(product, upload.video_id, token)
        answered_at = upload.send()
        product.wait_for(upload.video_id, token, "completed", seconds=_PATIENCE_SECONDS)
        return time.monotonic() - answered_at, percent


def turned(source: Path) -> Path:
    """The clip at 720p, upside down by its metadata, so that nothing of it can be copied."""
    target = FOLDER / f"turned-{source.stem}.mp4"
    if not target.exists():
        small = target.with_name(f"small-{source.stem}.mp4")
        encode = ["-vf", "scale=-2:720:flags=lanczos", "-c:v", "libx264", "-preset", "fast"]
        encode += ["-b:v", "5M", "-g", "60", "-c:a", "aac", "-b:a", "128k"]
        turn = ["-display_rotation", "180", "-i", str(small), "-c", "copy"]
        general = [ffmpeg_binary(), "-nostdin", "-v", "error", "-y"]
        subprocess.run([*general, "-i", str(source), *encode, str(small)], check=True)
        subprocess.run([*general, *turn, "-movflags", "+faststart", str(target)], check=True)
        small.unlink()
    return target


def as_kind(clip: Path, kind: str) -> Path:
    """The same packets in another container, or with their index elsewhere."""
    extension, words = KINDS[kind]
    target = clip.with_name(f"{kind}-{clip.stem}.{extension}")
    if not target.exists():
        command = [ffmpeg_binary(), "-nostdin", "-v", "error", "-y", "-i", str(clip)]
        subprocess.run([*command, "-c", "copy", *words.split(), str(target)], check=True)
    return target


if __name__ == "__main__":
    main()
