"""Posts and comments in the admin."""

from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from posts import services
from posts.models import Comment, Post
from users.admin_site import Page, admin_of
from users.models import User


@admin.register(Post)
class PostPage(Page):
    """Posts: found by their words or their author, hidden, deleted."""

    list_display = ("__str__", "author", "visibility", "like_count", "comment_count", "created_at")
    list_select_related = ("author",)
    list_filter = ("visibility",)
    search_fields = ("text", "author__username", "=id")
    ordering = ("-created_at", "-id")
    fields = (
        *("id", "author", "text", "visibility"),
        *("like_count", "comment_count", "version", "created_at"),
    )
    actions = ("hide",)
    can_delete = True

    def remove(self, *, actor: User, pk: UUID) -> None:
        """Delete a post with its likes and comments; its media stay."""
        services.remove_post(actor=actor, post_id=pk)

    @admin.action(description="Hide selected posts from all but their authors")
    def hide(self, request: HttpRequest, queryset: QuerySet[Post]) -> None:
        """Make what is ticked private."""
        actor = admin_of(request)
        self.each(
            request,
            queryset,
            lambda post: services.hide_post(actor=actor, post_id=post.pk),
            "Hidden.",
        )


@admin.register(Comment)
class CommentPage(Page):
    """Comments: found by their words or their author, deleted."""

    list_display = ("__str__", "author", "post", "created_at")
    list_select_related = ("author", "post")
    search_fields = ("text", "author__username", "=id")
    ordering = ("-created_at", "-id")
    fields = ("id", "post", "author", "text", "created_at")
    can_delete = True

    def remove(self, *, actor: User, pk: UUID) -> None:
        """Delete a comment."""
        services.remove_comment(actor=actor, comment_id=pk)
