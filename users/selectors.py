"""Questions about accounts, and the shapes in which they are answered."""

from typing import Any

from users.models import User

Shape = dict[str, Any]


def own_account(*, viewer: User) -> Shape:
    """What people see of their own account."""
    return {
        "id": str(viewer.pk),
        "username": viewer.username,
        "email": viewer.email,
        "role": viewer.role,
        "created_at": viewer.date_joined,
    }
