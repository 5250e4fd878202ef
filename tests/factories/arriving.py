"""Uploads of which as much has arrived as a test says."""

from pathlib import Path
from typing import Any

from media.models import EarlyPiece, MediaFile, Upload
from media.selectors import media_shapes
from media.services import arriving
from media.services.tails import expect_tail, keep_tail
from media.services.uploads import (
    claim_upload,
    create_upload,
    finish_upload,
    record_bytes,
    terminate_upload,
)
from media.store import early_folder, part_key, store
from tests.factories.media import make_user, work_off


class Arriving:
    """An upload of a clip, of which as much arrives as a test says."""

    def __init__(self, clip: Path) -> None:
        self.data = clip.read_bytes()
        self.owner = make_user()
        self.upload: Upload = create_upload(
            actor=self.owner,
            length_bytes=len(self.data),
            metadata={"filename": clip.name},
            header="",
        )
        assert self.upload.media_file_id is not None
        self.media_id = self.upload.media_file_id

    def arrive(self, part: float, data: bytes | None = None) -> None:
        """So much of the file is there, and was looked at."""
        self.upload.refresh_from_db()
        to_bytes, start = int(part * len(self.data)), self.upload.offset_bytes
        claim = claim_upload(actor=self.owner, upload_id=self.upload.pk, offset_bytes=start)
        stored = store().open_part(part_key(self.upload.pk))
        stored.write(start, [(data or self.data)[start:to_bytes]], until=claim.until)
        stored.close()
        record_bytes(claim, to_bytes=to_bytes, release=True)
        arriving.look_around()

    def send_tail(self, data: bytes | None = None) -> bytes:
        """Send the index ahead, or something else in its place."""
        start = self.data.rindex(b"moov") - 4
        data = data or self.data[start:]
        expected = expect_tail(
            actor=self.owner, upload_id=self.upload.pk, offset_bytes=start, size_bytes=len(data)
        )
        if expected is not None:
            with store().work_dir() as folder:
                (folder / "tail").write_bytes(data)
                keep_tail(expected, folder / "tail")
        return data

    def arrive_and_work(self, part: float) -> list[str]:
        """The same, with all that can be done then; the kinds of jobs that were done."""
        self.arrive(part)
        done = work_off()
        arriving.look_around()
        return done + work_off()

    def finish(self) -> None:
        self.arrive(1)
        finish_upload(upload_id=self.upload.pk)

    @property
    def media_file(self) -> MediaFile:
        return MediaFile.objects.select_related("owner").get(pk=self.media_id)

    @property
    def shape(self) -> Any:
        return media_shapes([self.media_file])[0]

    @property
    def pieces(self) -> list[int]:
        return sorted(
            EarlyPiece.objects.filter(work=self.media_id).values_list("number", flat=True)
        )

    @property
    def early_files(self) -> list[Path]:
        return list(store().path(early_folder(self.media_id)).rglob("*.m4s"))

    def give_up(self) -> None:
        """The owner wants it no more."""
        terminate_upload(actor=self.owner, upload_id=self.upload.pk)
