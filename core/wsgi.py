"""The API without sockets and streaming, for WSGI servers such as Gunicorn."""

import os
from pathlib import Path

from django.core.wsgi import get_wsgi_application

from core.settings.env import settings_module

os.environ.setdefault("DJANGO_SETTINGS_MODULE", settings_module(Path(__file__).parent.parent))

application = get_wsgi_application()
