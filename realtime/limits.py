"""How fast a socket may speak."""

from collections.abc import Callable
from time import monotonic


class TokenBucket:
    """Lets `per_second` things through, after a burst of twice as many."""

    __slots__ = ("_at", "_clock", "_per_second", "_tokens")

    def __init__(self, per_second: float, clock: Callable[[], float] = monotonic) -> None:
        self._per_second = per_second
        self._clock = clock
        self._tokens = 2 * per_second
        self._at = clock()

    def take(self) -> bool:
        """Whether one more may pass now."""
        now = self._clock()
        refilled = self._tokens + (now - self._at) * self._per_second
        self._tokens, self._at = min(refilled, 2 * self._per_second), now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
