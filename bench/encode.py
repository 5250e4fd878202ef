"""`make bench-encode`: CPU time, bytes and quality of our pieces beside MediaCMS and PeerTube.

All three make six renditions of the same 1080p30 clip, in turn; CPU seconds are those of the
finished child processes and, for us, of the calling process as well. The last line is one JSON
object. BENCH_SOURCE names another clip, BENCH_SECONDS another length.
"""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import av

from bench import first_segment, peers
from bench.clip import bench_clip
from media.ffmpeg import encode
from media.ffmpeg.binary import ffmpeg_binary
from media.ffmpeg.command import piece_command
from media.ffmpeg.encode import MadeSegment
from media.ffmpeg.plan import AUDIO, Plan
from media.ffmpeg.planning import make_plan
from media.ffmpeg.probe import inspect

FOLDER = Path("var/bench/encode")
SECONDS = int(os.environ.get("BENCH_SECONDS", "60"))
#: How often pieces are compared with an encode from end to end.
IN_TURN = 3
#: Prime, so that no contender has its keyframes, which look better, in the sample.
VMAF_EVERY = 11


@dataclass
class Contender:
    """What one way to encode has used and made so far. Keys are heights."""

    cpu: dict[str, float] = field(default_factory=dict)
    files: dict[int, Path] = field(default_factory=dict)
    vmaf: dict[int, float] = field(default_factory=dict)

    @property
    def total_cpu(self) -> float:
        """CPU seconds of everything."""
        return sum(self.cpu.values())

    def size(self, height: int) -> int:
        """Bytes of the picture alone."""
        with av.open(str(self.files[height])) as source:
            return sum(packet.size for packet in source.demux(video=0))

    def measure(self, name: str, work: Callable[[], object]) -> None:
        """Do `work` and add its CPU seconds under `name`."""
        before = cpu_seconds()
        work()
        self.cpu[name] = self.cpu.get(name, 0.0) + cpu_seconds() - before


def main() -> None:
    """Run everything and print the table and the JSON line."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    clip, words = bench_clip(FOLDER, seconds=SECONDS)
    out = FOLDER / "out"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    began = time.monotonic()
    mediacms, peertube, peertube_fit = Contender(), Contender(), Contender()
    ours, fit = Contender(), Contender()
    theirs = peer_jobs(clip, out, mediacms, peertube, peertube_fit)
    mine = [our_jobs(clip, out / "ours", ours, may_copy=False), our_jobs(clip, out / "fit", fit)]
    interleave([theirs, *mine])
    for contender in (mediacms, peertube, ours):
        for height, path in contender.files.items():
            contender.vmaf[height] = vmaf(path, clip)
    print_table(words, clip, mediacms, peertube, ours, time.monotonic() - began)
    facts = results(mediacms, peertube, peertube_fit, ours, fit)
    facts["pieces_overhead"] = pieces_overhead(clip, out / "in-turn")
    shutil.rmtree(out)
    print(json.dumps(facts | first_segment.measure(FOLDER, seconds=SECONDS)))


def peer_jobs(
    clip: Path, out: Path, mediacms: Contender, peertube: Contender, peertube_fit: Contender
) -> Iterator[None]:
    """Each rendition of each peer, one at a time."""
    for rung in peers.RUNGS:
        ways = ((mediacms, peers.mediacms_command), (peertube, peers.peertube_command))
        for contender, command in ways:
            path = out / f"{id(contender)}-{rung.height}.mp4"
            argv = command(rung, clip, path)
            contender.measure(str(rung.height), lambda argv=argv: run(argv))  # type: ignore[misc]
            contender.files[rung.height] = path
            yield
    copied = peers.peertube_copy_command(clip, out / "copied.mp4")
    peertube_fit.measure("copy", lambda: run(copied))


def our_jobs(
    clip: Path, work_dir: Path, contender: Contender, *, may_copy: bool = True
) -> Iterator[None]:
    """All that a worker does for a clip, one piece at a time; then the joined renditions."""
    work_dir.mkdir()
    plan: Plan
    segments: dict[str, list[MadeSegment]] = {}

    def prepare() -> None:
        nonlocal plan
        plan = make_plan(inspect(clip), may_copy_video=may_copy)
        plan = plan.with_inits(encode.make_inits(plan, work_dir=work_dir))

    def keep(segment: MadeSegment) -> bool:
        segments.setdefault(segment.rung, []).append(segment)
        return True

    def copy_and_sound() -> None:
        if plan.copied_rung:
            encode.copy_pieces(clip, plan=plan, work_dir=work_dir, on_segment=keep)
        if plan.audio:
            encode.make_audio(clip, plan=plan, work_dir=work_dir, on_segment=keep)

    def piece(number: int) -> None:
        rungs = [name for name in plan.rung_names if name not in (AUDIO, plan.copied_rung)]
        made = encode.make_piece(
            clip, plan=plan, number=number, rungs=rungs, work_dir=work_dir, nice=0
        )
        for segment in made:
            keep(segment)

    contender.measure("plan", prepare)
    contender.measure("copy and sound", copy_and_sound)
    for number in range(plan.piece_count):
        contender.measure("pieces", lambda number=number: piece(number))  # type: ignore[misc]
        yield
    if may_copy and not plan.copied_rung:
        sys.exit("This clip cannot be copied; BENCH_SOURCE must name one whose top rung can be.")
    for rung in plan.video.rungs if plan.video else ():
        path = work_dir / f"{rung.name}.mp4"
        parts = [rung.init, *(s.path.read_bytes() for s in segments[rung.name])]
        path.write_bytes(b"".join(parts))
        contender.files[min(rung.width, rung.height)] = path


def pieces_overhead(clip: Path, work_dir: Path) -> float:
    """What cutting costs: our pieces, and our settings in one process from end to end.

    In turn, and the middle one of the ratios, because a machine may grow slower and faster
    meanwhile: what is compared was run one after the other.
    """
    ratios = []
    for number in range(IN_TURN):
        whole, ours = Contender(), Contender()
        (folder := work_dir / str(number)).mkdir(parents=True)
        argv = uncut_command(clip, folder)
        whole.measure("uncut", lambda argv=argv: run(argv))  # type: ignore[misc]
        interleave([our_jobs(clip, folder / "pieces", ours, may_copy=False)])
        pieces, uncut = ours.cpu["pieces"], whole.cpu["uncut"]
        ratios.append(pieces / uncut)
        print(f"in pieces {pieces:.1f} s, uncut {uncut:.1f} s", flush=True)
    return round(median(ratios) - 1, 3)


def uncut_command(clip: Path, folder: Path) -> list[str]:
    """The command of a piece that is the whole clip."""
    plan = make_plan(inspect(clip), may_copy_video=False, piece_seconds=(10**6,))
    rungs = plan.video.rungs if plan.video else ()
    return piece_command(ffmpeg_binary(), plan, number=0, rungs=rungs, source=clip, out_dir=folder)


def interleave(jobs: list[Iterator[None]]) -> None:
    """Advance each in turn until all are done, so that all see the same machine."""
    while jobs:
        for job in list(jobs):
            if next(job, job) is job:
                jobs.remove(job)


def results(
    mediacms: Contender,
    peertube: Contender,
    peertube_fit: Contender,
    ours: Contender,
    fit: Contender,
) -> dict[str, float]:
    """The figures that are compared with targets."""
    peertube_copying = peertube.total_cpu - peertube.cpu["1080"] + peertube_fit.total_cpu
    heights = ours.files
    theirs, mine = (sum(c.size(height) for height in heights) for c in (mediacms, ours))
    values = {
        "cpu_vs_mediacms": ours.total_cpu / mediacms.total_cpu,
        "cpu_vs_peertube": ours.total_cpu / peertube.total_cpu,
        "fit_cpu_vs_mediacms": fit.total_cpu / mediacms.total_cpu,
        "fit_cpu_vs_peertube": fit.total_cpu / peertube_copying,
        "vmaf_delta_min": min(ours.vmaf[h] - mediacms.vmaf[h] for h in heights),
        "bytes_vs_mediacms": mine / theirs,
    }
    return {name: round(value, 3) for name, value in values.items()}


def print_table(
    words: str,
    clip: Path,
    mediacms: Contender,
    peertube: Contender,
    ours: Contender,
    wall_seconds: float,
) -> None:
    """For people."""
    print(f"{SECONDS} s of 1080p30, {words}; {clip.stat().st_size / 1e6:.1f} MB.")
    print(f"VMAF of every {VMAF_EVERY}th frame at 1080p; {wall_seconds:.0f} s in all.\n")
    print(f"{'':8}{'MediaCMS':>28}{'PeerTube':>28}{'Reelay':>28}")
    print(f"{'rung':8}" + f"{'CPU s':>8}{'MB':>10}{'VMAF':>10}" * 3)
    for height in sorted(ours.files, reverse=True):
        row = f"{height:<8}"
        for contender in (mediacms, peertube, ours):
            cpu = contender.cpu.get(str(height))
            row += f"{cpu:8.1f}" if cpu is not None else f"{'':8}"
            row += f"{contender.size(height) / 1e6:10.2f}{contender.vmaf[height]:10.2f}"
        print(row)
    totals = (mediacms, peertube, ours)
    sizes = [sum(c.size(h) for h in ours.files) / 1e6 for c in totals]
    print(
        f"{'all':8}"
        + "".join(f"{c.total_cpu:8.1f}{s:10.2f}{'':10}" for c, s in zip(totals, sizes, strict=True))
    )
    print("Reelay: " + ", ".join(f"{name} {cpu:.1f} s" for name, cpu in ours.cpu.items()) + "\n")


def vmaf(path: Path, reference: Path) -> float:
    """How a rendition looks beside the clip, scaled up to it."""
    pick = f"select=not(mod(n\\,{VMAF_EVERY})),settb=1/30,setpts=N"
    graph = (
        f"[0:v]{pick},scale=1920:1080:flags=bicubic[made];[1:v]{pick}[clip];"
        "[made][clip]libvmaf=n_threads=2"
    )
    done = subprocess.run(
        [
            *(ffmpeg_binary(), "-nostdin", "-hide_banner", "-i", str(path), "-i", str(reference)),
            *("-filter_complex", graph, "-f", "null", "-"),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    found = re.search(r"VMAF score: ([\d.]+)", done.stderr)
    if not found:
        raise RuntimeError(done.stderr[-500:])
    return float(found[1])


def run(argv: list[str]) -> None:
    """Run a command that must succeed."""
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)


def cpu_seconds() -> float:
    """CPU seconds of this process and of all its finished children."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


if __name__ == "__main__":
    main()
