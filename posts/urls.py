"""Routes of posts and comments."""

from core.routes import either_way
from posts import views

_POST = "api/posts/<uuid:post_id>"

urlpatterns = [
    *either_way("api/posts/", views.Posts.as_view(), name="posts"),
    *either_way(f"{_POST}/", views.OnePost.as_view(), name="post"),
    *either_way(f"{_POST}/like/", views.Likes.as_view(), name="post-like"),
    *either_way(f"{_POST}/comments/", views.Comments.as_view(), name="post-comments"),
    *either_way("api/comments/<uuid:comment_id>/", views.OneComment.as_view(), name="comment"),
]
