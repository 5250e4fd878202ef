"""The WebSocket edge."""

from django.apps import AppConfig


class RealtimeConfig(AppConfig):
    """The WebSocket edge. It hears what the apps publish; nobody imports it."""

    name = "realtime"
