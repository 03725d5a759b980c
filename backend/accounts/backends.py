"""Sign in to the back office by phone and password."""

from typing import Any

from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.hashers import check_password, make_password
from django.http import HttpRequest

from backend.accounts.models import User
from backend.accounts.phones import normalised
from backend.audit.services import record_security
from backend.core import clock, metrics
from backend.core.http import address_group, client_address
from backend.core.redis import out_of_reach
from backend.core.throttles import Bucket, Strikes, forgive, strike, take


class ManagerBackend(BaseBackend):
    """Admit enabled accounts whose role works in the back office; one timing for every refusal."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **_: Any
    ) -> User | None:
        """Return the account, or None. Tries are throttled by phone and by address, known or not alike."""
        if request is None or not username or not password:
            return None
        phone, address, now = normalised(username) or username[:20], client_address(request), clock.now()
        if out_of_reach():  # only one count for all workers keeps guessing slow
            return None
        group = address_group(address)
        if _held_back(phone, group):
            return None
        user = User.objects.filter(phone=phone).first()
        if user is None:
            make_password(password)  # the same work as for a known phone
            return None
        right = check_password(password, user.password)
        if not (right and user.is_active and user.is_staff):
            record_security("sign_in_refused", now=now, user=_copies(user), address=address)
            return None
        forgive(f"admin-phone:{phone}:{group}")
        record_security("signed_in", now=now, user=_copies(user), address=address)
        return user

    def get_user(self, user_id: Any) -> User | None:
        """Return the account behind a session: read anew at every request, so that disabling counts at once."""
        user = User.objects.filter(pk=user_id).first()
        return user if user is not None and user.is_active and user.is_staff else None

    def has_perm(self, user_obj: Any, perm: str, obj: object = None) -> bool:
        """Return whether the account's role has `perm`."""
        return isinstance(user_obj, User) and user_obj.has_perm(perm)


def _held_back(phone: str, group: str) -> bool:
    if take(f"admin-address:{group}", Bucket(rate=0.5, burst=30)):
        limit = "sign_in_address"
    elif strike(f"admin-phone:{phone}:{group}", Strikes(free=5, window=900)):
        limit = "sign_in_phone"
    else:
        return False
    metrics.held_back.labels(limit).inc()
    return True


def _copies(user: User) -> dict[str, Any]:
    return {"_id": user.pk, "phone": user.phone, "name": user.name, "cinemas": user.cinemas}
