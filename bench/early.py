"""How long a video is not complete after its last byte, on a link that takes a minute.

Starts `manage.py serve` with a folder of its own and uploads the same clip three times: with
encoding while it arrives, through a link that takes LINK_SECONDS, once with its index first and
once last, as phones write it, and sent ahead; and without, as fast as it goes. The clip is a minute
of 720p that has to be encoded in all rungs. The last line is one JSON object. BENCH_SOURCE names
another clip.

python -m bench.early
"""

from __future__ import annotations

import json
import subprocess
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


def main() -> None:
    """Measure both ways and print them."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    source, words = bench_clip(FOLDER, seconds=SECONDS)
    clip = turned(source)
    without, _ = measure(clip, link_seconds=1.0, EARLY_ENCODING="false")
    complete, percent = measure(clip, link_seconds=LINK_SECONDS)
    phone, phone_percent = measure(index_last(clip), link_seconds=LINK_SECONDS)
    size = clip.stat().st_size
    print(f"{clip.name}: {words}; {SECONDS} s, {size / 1e6:.0f} MB")
    print(f"complete after the last byte, encoding begun while it came  {complete:6.1f} s")
    print(f"    made of all segments when the last byte came            {percent:6d} %")
    print(f"complete after the last byte, the index sent ahead          {phone:6.1f} s")
    print(f"    made of all segments when the last byte came            {phone_percent:6d} %")
    print(f"complete after the last byte, encoding begun then           {without:6.1f} s")
    found = {
        "link_s": LINK_SECONDS,
        "complete_s": round(complete, 1),
        "without_s": round(without, 1),
        "made_percent": percent,
        "index_last_complete_s": round(phone, 1),
    }
    print(json.dumps(found))


def measure(clip: Path, *, link_seconds: float, **settings: str) -> tuple[float, int]:
    """Seconds from the last byte's answer until all is made; percent that was made by then."""
    with (
        tempfile.TemporaryDirectory(prefix="reelay-bench-") as folder,
        running(Path(folder), **settings) as product,
    ):
        token = product.sign_up("bench")
        upload = SlowUpload(product, clip, token, seconds=link_seconds)
        if clip.name.startswith("last-"):
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


def index_last(clip: Path) -> Path:
    """The same packets, with the index behind them."""
    target = clip.with_name(f"last-{clip.name}")
    if not target.exists():
        command = [ffmpeg_binary(), "-nostdin", "-v", "error", "-y", "-i", str(clip)]
        subprocess.run([*command, "-c", "copy", str(target)], check=True)
    return target


if __name__ == "__main__":
    main()
