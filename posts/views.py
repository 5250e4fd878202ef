"""The HTTP edge of posts and comments."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.http import checked, conditional
from core.throttles import Throttle
from posts import selectors, services
from posts.serializers import (
    CommentShape,
    LikeShape,
    NewComment,
    NewPost,
    PostChange,
    PostShape,
)
from users.authentication import signed_in
from users.idempotency import PARAMETER as IDEMPOTENCY_KEY
from users.idempotency import idempotent


class Posts(GenericAPIView[Any]):
    """The feed."""

    throttle_classes = (Throttle,)
    throttle_scope = "write"
    serializer_class = PostShape

    def get_queryset(self) -> QuerySet[Any, Any]:
        """What the feed of the viewer shows."""
        return selectors.feed(viewer=self.request.user)

    @extend_schema(responses=PostShape(many=True))
    def get(self, request: Request) -> Response:
        """The feed: public posts and one's own, newest first."""
        page = self.paginate_queryset(self.get_queryset()) or []
        return self.get_paginated_response(selectors.post_shapes(page))

    @extend_schema(parameters=[IDEMPOTENCY_KEY], request=NewPost, responses={201: PostShape})
    @idempotent
    def post(self, request: Request) -> Response:
        """Publish a post."""
        post = services.create_post(actor=signed_in(request), **checked(NewPost(data=request.data)))
        shape = selectors.get_post(viewer=request.user, post_id=post.pk)
        return Response(shape, status=201, headers={"Location": f"/api/posts/{post.pk}/"})


class OnePost(APIView):
    """One post."""

    throttle_classes = (Throttle,)
    throttle_scope = "write"

    @extend_schema(responses=PostShape)
    def get(self, request: Request, post_id: UUID) -> Response:
        """One post. Its ETag can be sent back as If-None-Match."""
        return conditional(request, selectors.get_post(viewer=request.user, post_id=post_id))

    @extend_schema(request=PostChange, responses=PostShape)
    def patch(self, request: Request, post_id: UUID) -> Response:
        """Change the text or the visibility."""
        changes = checked(PostChange(data=request.data))
        services.update_post(actor=signed_in(request), post_id=post_id, **changes)
        return Response(selectors.get_post(viewer=request.user, post_id=post_id))

    @extend_schema(responses={204: None})
    def delete(self, request: Request, post_id: UUID) -> Response:
        """Delete the post, its likes and its comments."""
        services.delete_post(actor=signed_in(request), post_id=post_id)
        return Response(status=204)


class Likes(APIView):
    """Whether one likes a post."""

    throttle_classes = (Throttle,)
    throttle_scope = "like"

    @extend_schema(request=None, responses=LikeShape)
    def post(self, request: Request, post_id: UUID) -> Response:
        """Like a post; twice is the same as once."""
        state = services.like_post(actor=signed_in(request), post_id=post_id)
        return Response({"likes": state.likes, "liked": state.liked})

    @extend_schema(responses={200: LikeShape})
    def delete(self, request: Request, post_id: UUID) -> Response:
        """Take the like back."""
        state = services.unlike_post(actor=signed_in(request), post_id=post_id)
        return Response({"likes": state.likes, "liked": state.liked})


class Comments(GenericAPIView[Any]):
    """The comments of a post."""

    throttle_classes = (Throttle,)
    throttle_scope = "comment"
    serializer_class = CommentShape

    @extend_schema(responses=CommentShape(many=True))
    def get(self, request: Request, post_id: UUID) -> Response:
        """The comments, newest first."""
        rows = selectors.comments(viewer=request.user, post_id=post_id)
        page: Any = self.paginate_queryset(rows) or []
        return self.get_paginated_response([selectors.comment_shape(row) for row in page])

    @extend_schema(parameters=[IDEMPOTENCY_KEY], request=NewComment, responses={201: CommentShape})
    @idempotent
    def post(self, request: Request, post_id: UUID) -> Response:
        """Say something."""
        given = checked(NewComment(data=request.data))
        comment = services.create_comment(actor=signed_in(request), post_id=post_id, **given)
        shape = selectors.get_comment(viewer=request.user, comment_id=comment.pk)
        return Response(shape, status=201)


class OneComment(APIView):
    """One comment."""

    throttle_classes = (Throttle,)
    throttle_scope = "write"

    @extend_schema(responses={204: None})
    def delete(self, request: Request, comment_id: UUID) -> Response:
        """Delete a comment, as its author or as the author of the post."""
        services.delete_comment(actor=signed_in(request), comment_id=comment_id)
        return Response(status=204)
