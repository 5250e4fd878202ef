"""The WebSocket edge."""

from django.apps import AppConfig


class RealtimeConfig(AppConfig):
    """The WebSocket edge. It hears what the apps publish; nobody imports it."""

    name = "realtime"

    def ready(self) -> None:
        """Hear what the apps publish, in every process, and let the layer be asked for."""
        from core.health import register_check
        from realtime import health, relay

        relay.start()
        register_check("layer", health.layer)
