"""Who may see a media file: its own rule, and what the apps above grant.

A post shows its media to whoever may see the post, but `media` knows no posts. So the apps
above register what they grant as a condition on media files, in `AppConfig.ready()`.
"""

from collections.abc import Callable, Collection
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.db.models import Q, QuerySet

from media.models import MediaFile
from media.models.media_file import MediaFileQuerySet

Viewer = AbstractBaseUser | AnonymousUser
#: What a viewer may see besides: a condition on MediaFile that does not multiply rows
#: (`Q(pk__in=…)` or `Exists`, never a join).
Grant = Callable[[Viewer], Q]

_grants: list[Grant] = []


def register(grant: Grant) -> None:
    """Let `grant` open media files to viewers; registering it twice is registering it once."""
    if grant not in _grants:
        _grants.append(grant)


def unregister(grant: Grant) -> None:
    """Undo `register`; used by tests."""
    _grants.remove(grant)


def shown_to_everybody(ids: Collection[UUID]) -> set[UUID]:
    """Those media files that a grant opens to people who are not signed in, or to anybody."""
    shown: set[UUID] = set()
    for grant in _grants:
        found = MediaFile.objects.filter(grant(AnonymousUser()), pk__in=ids)
        shown.update(found.values_list("pk", flat=True))
    return shown


def visible_media(viewer: Viewer) -> QuerySet[MediaFile]:
    """Every media file that `viewer` may see, by its own visibility or by a grant."""
    found: QuerySet[MediaFile] = MediaFileQuerySet(MediaFile).open_to(viewer)
    for grant in _grants:
        found |= MediaFile.objects.filter(grant(viewer))
    return found
