"""Static files: ServeStatic, which streams them under ASGI, told which names carry a hash."""

import re

from servestatic.middleware import ServeStaticMiddleware

#: Vite puts eight characters of a hash into each name under `assets/`.
_HASHED = re.compile(r"/assets/[^/]+-[\w-]{8}\.\w+$")


class StaticFiles(ServeStaticMiddleware):  # type: ignore[misc]  # servestatic ships no types that mypy reads
    """The middleware; what Vite has hashed may be kept for ever."""

    def immutable_file_test(self, path: str, url: str) -> bool:
        """Whether the bytes behind `url` never change."""
        return bool(_HASHED.search(url))
