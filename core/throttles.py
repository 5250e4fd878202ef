"""How often somebody may do something; beyond it 429 with Retry-After."""

import hashlib
import logging
from typing import Any

from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import ScopedRateThrottle, SimpleRateThrottle
from rest_framework.views import APIView

logger = logging.getLogger(__name__)


class FailOpen(SimpleRateThrottle):
    """A throttle that lets everybody through while the cache does not answer."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Whether this request may go on."""
        try:
            return bool(super().allow_request(request, view))
        except (RedisError, OSError) as error:
            # A like must not fail because Redis does.
            logger.warning("throttle without cache", extra={"reason": repr(error)})
            return True


class Throttle(FailOpen, ScopedRateThrottle):
    """Requests per account, or per address of strangers, under the view's `throttle_scope`.

    Reading is never counted where a view also writes.
    """

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Whether this request may go on."""
        if request.method in ("GET", "HEAD", "OPTIONS"):
            return True
        return super().allow_request(request, view)


class PerField(FailOpen):
    """Requests that name the same value, wherever they come from: guesses at one account."""

    field: str

    def get_cache_key(self, request: Request, view: APIView) -> str | None:
        """One counter per value; None where it is not given."""
        data: Any = request.data
        value = data.get(self.field) if isinstance(data, dict) else None
        if not isinstance(value, str):
            return None
        digest = hashlib.sha256(value.strip().lower().encode(errors="replace")).hexdigest()
        return str(self.cache_format % {"scope": self.scope, "ident": digest})
