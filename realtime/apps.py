"""The WebSocket edge."""

from django.apps import AppConfig


class RealtimeConfig(AppConfig):
    """The WebSocket edge. It hears what the apps publish; nobody imports it."""

    name = "realtime"

    def ready(self) -> None:
        """Hear what the apps publish, in every process."""
        from realtime import relay

        relay.start()
