"""Who may do what with accounts."""

from users.models import Role, User


def may_moderate(actor: User) -> bool:
    """Admins look after what others made."""
    return actor.is_active and actor.is_admin


def may_govern(actor: User, account: User) -> bool:
    """An admin may disable ordinary accounts, a super admin any but their own."""
    if not may_moderate(actor) or actor.pk == account.pk:
        return False
    return actor.role == Role.SUPER_ADMIN or not account.is_admin


def may_give_roles(actor: User) -> bool:
    """Super admins make admins, and each other."""
    return may_moderate(actor) and actor.role == Role.SUPER_ADMIN
