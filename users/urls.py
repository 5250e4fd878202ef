"""Routes of accounts."""

from core.routes import either_way
from users import views

urlpatterns = [
    *either_way("api/register/", views.Register.as_view(), name="register"),
    *either_way("api/login/", views.Login.as_view(), name="login"),
    *either_way("api/logout/", views.Logout.as_view(), name="logout"),
    *either_way("api/token/refresh/", views.Refresh.as_view(), name="token-refresh"),
    *either_way("api/me/", views.Me.as_view(), name="me"),
    *either_way("api/config/", views.ConfigView.as_view(), name="config"),
]
