"""The shapes of videos as the OpenAPI document describes them. `media.selectors` makes them."""

from rest_framework import serializers

from media.models import MediaFile, Visibility
from media.states import MEDIA


class VideoOwner(serializers.Serializer[object]):
    """Whose it is."""

    id = serializers.UUIDField()
    username = serializers.CharField()


class VideoError(serializers.Serializer[object]):
    """Why a video cannot be played: a code for programs, a sentence for people."""

    code = serializers.CharField()
    detail = serializers.CharField()


class VideoRendition(serializers.Serializer[object]):
    """One quality, or the sound, and which of its segments exist."""

    name = serializers.CharField(help_text="The short side (`720p`), or `audio`.")
    width = serializers.IntegerField(help_text="0 for sound.")
    height = serializers.IntegerField(help_text="0 for sound.")
    status = serializers.ChoiceField(choices=["in_queue", "processing", "completed"])
    progress_percent = serializers.IntegerField(min_value=0, max_value=100)
    made = serializers.ListField(
        child=serializers.ListField(child=serializers.IntegerField(), min_length=2, max_length=2),
        help_text="Inclusive ranges of segment numbers that exist.",
    )


class QueueForecast(serializers.Serializer[object]):
    """Where it stands, and an estimate of when it begins and ends."""

    position = serializers.IntegerField(
        allow_null=True, min_value=1, help_text="1 is taken next; null while it runs."
    )
    begins_at = serializers.DateTimeField(allow_null=True, help_text="Null when not known.")
    ends_at = serializers.DateTimeField(allow_null=True, help_text="Null when not known.")


class ReEncode(serializers.Serializer[object]):
    """How far the encoding anew is that replaces what plays now, or why it came to nothing."""

    status = serializers.ChoiceField(choices=["in_queue", "processing", "failed", "cancelled"])
    progress_percent = serializers.IntegerField(min_value=0, max_value=100)
    error = VideoError(allow_null=True)


class Loudness(serializers.Serializer[object]):
    """How loud it is, after EBU R128."""

    integrated_lufs = serializers.FloatField(help_text="Over the whole length, gated.")
    true_peak_dbtp = serializers.FloatField(help_text="Of the wave between the samples.")


class Video(serializers.Serializer[object]):
    """One uploaded video or track: what it is, and how far it has come."""

    video_id = serializers.UUIDField()
    title = serializers.CharField(allow_blank=True)
    filename = serializers.CharField()
    kind = serializers.ChoiceField(choices=MediaFile.Kind.choices)
    owner = VideoOwner()
    visibility = serializers.ChoiceField(choices=Visibility.choices)
    is_downloadable = serializers.BooleanField(
        help_text="Whether whoever may see it may also take it away as a file."
    )
    size_bytes = serializers.IntegerField(allow_null=True)
    status = serializers.ChoiceField(choices=MEDIA.choices)
    progress_percent = serializers.IntegerField(min_value=0, max_value=100)
    early = serializers.ChoiceField(
        choices=MediaFile.Early.choices,
        allow_null=True,
        help_text="While it uploads: whether encoding has begun, or why not; null when not known.",
    )
    duration = serializers.FloatField(allow_null=True, help_text="Seconds.")
    width = serializers.IntegerField(allow_null=True)
    height = serializers.IntegerField(allow_null=True)
    playlist_url = serializers.CharField(
        allow_null=True, help_text="HLS; null until the plan exists. Expires; ask again."
    )
    poster_url = serializers.CharField(allow_null=True)
    waveform_url = serializers.CharField(
        allow_null=True, help_text="JSON to draw sound by, of what has no picture; null until made."
    )
    loudness = Loudness(
        allow_null=True, help_text="Null until it is measured, and for silence and no sound."
    )
    storyboard_url = serializers.CharField(
        allow_null=True,
        help_text="WebVTT whose cues name small stills (`#xywh=`); null until it is made.",
    )
    error = VideoError(allow_null=True)
    damaged = serializers.ListField(
        child=serializers.ListField(child=serializers.FloatField(), min_length=2, max_length=2),
        help_text="Seconds of the source that could not be decoded.",
    )
    queue = QueueForecast(
        allow_null=True, help_text="While it waits or is made; null when nothing is known."
    )
    renditions = VideoRendition(many=True)
    re_encode = ReEncode(
        allow_null=True, help_text="The latest encoding anew, unless it is what plays now."
    )
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    version = serializers.IntegerField()


class OwnVideo(Video):
    """A video as its owner finds it in a list."""

    is_shown_in_post = serializers.BooleanField(
        help_text="Whether a post shows it to everybody, whatever its own visibility is."
    )


class VideoChanges(serializers.Serializer[object]):
    """What the owner may change; what is left out stays."""

    title = serializers.CharField(max_length=200, allow_blank=True, required=False)
    visibility = serializers.ChoiceField(choices=Visibility.choices, required=False)
    is_downloadable = serializers.BooleanField(required=False)
