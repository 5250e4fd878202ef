"""Who may change what. What a viewer may not even see is `not-found`, before these are asked."""

from posts.models import Comment, Post
from users.models import User


def may_edit_post(actor: User, post: Post) -> bool:
    """Only its author changes what a post says."""
    return post.author_id == actor.pk


def may_delete_post(actor: User, post: Post) -> bool:
    """Its author, and admins."""
    return post.author_id == actor.pk or actor.is_admin


def may_delete_comment(actor: User, comment: Comment) -> bool:
    """Its author, the author of the post, and admins."""
    return actor.pk in (comment.author_id, comment.post.author_id) or actor.is_admin
