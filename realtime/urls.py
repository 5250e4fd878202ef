"""Routes of live updates; the socket itself is in realtime.routing."""

from django.urls import path

from core.routes import either_way
from realtime import views

urlpatterns = [
    *either_way("api/ws-ticket/", views.Ticket.as_view(), name="ws-ticket"),
    path("api/asyncapi.yaml", views.asyncapi, name="asyncapi"),
]
