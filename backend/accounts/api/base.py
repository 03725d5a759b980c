"""The base of staff API views: who calls is proven by token and device key, what he may is named by the view."""

from typing import Any

from bson import ObjectId
from django.http import HttpRequest, HttpResponse
from rest_framework.authentication import SessionAuthentication
from rest_framework.permissions import AllowAny, BasePermission
from rest_framework.views import APIView

from backend.accounts import replay, sessions
from backend.accounts.dpop import Proof, verify
from backend.accounts.errors import InvalidToken
from backend.accounts.selectors import actor_of
from backend.accounts.sessions import LiveSession
from backend.accounts.tokens import read_access
from backend.core import clock
from backend.core.actor import Actor
from backend.core.api import django_request
from backend.core.http import client_address

SCHEME = "DPoP "


class MayReadSchema(BasePermission):
    """The API's documentation is open in development and for managers in production."""

    def has_permission(self, request: Any, view: Any) -> bool:
        from django.conf import settings  # noqa: PLC0415  # read at the call, so that a test may change it

        user = getattr(request, "user", None)
        return bool(settings.DEBUG or (user is not None and user.has_perm("accounts.read_api_docs")))


def authenticate_device(request: HttpRequest) -> LiveSession:
    """Return the live session that the access token and the proof of `request` belong to.

    Raises InvalidToken, InvalidProof, UseNonce, ClockSkew or SessionRevoked. A token without a proof (a bearer
    use) is refused like no token.
    """
    scheme, token = request.META.get("HTTP_AUTHORIZATION", "")[: len(SCHEME)], ""
    if scheme.lower() == SCHEME.lower():
        token = request.META["HTTP_AUTHORIZATION"][len(SCHEME) :].strip()
    if not token:
        raise InvalidToken
    now = clock.now()
    claims = read_access(token, now=now)
    proof: Proof = verify(request, access_token=token, now=now)
    if claims["cnf"].get("jkt") != proof.key:
        raise InvalidToken
    session = ObjectId(claims["sid"])
    spent = replay.spend_in_session(proof, session, now=now)
    live = sessions.proven(session, spent=spent, address=client_address(request), now=now)
    if live.key != proof.key:
        raise InvalidToken
    return live


class OpenView(APIView):
    """A view that anyone may call: it proves its caller itself, never by REST framework's `request.user`."""

    permission_classes = [AllowAny]

    def perform_authentication(self, request: Any) -> None:
        """Leave Django's user of the request alone: REST framework would put nobody in its place."""


class StaffAPIView(OpenView):
    """A view for a person at a till. `permission_required` is one permission, or one a method; None: any role.

    `request.actor` is who calls.
    """

    permission_required: str | dict[str, str] | None = "nobody.may"
    # A person's POST counts as activity; what a machine sends by itself does not.
    counts_as_activity = True

    def initial(self, request: Any, *args: Any, **kwargs: Any) -> None:
        """Prove the caller and check the permission before any method runs."""
        super().initial(request, *args, **kwargs)
        plain = django_request(request)
        actor = self.prove(plain)
        request.actor = plain.actor = actor  # type: ignore[attr-defined]  # HttpRequest is open to attributes
        needed = self.permission_required
        if isinstance(needed, dict):
            needed = needed.get(plain.method or "", "nobody.may")
        if needed is not None:
            actor.require(needed)

    def prove(self, request: HttpRequest) -> Actor:
        """Return who calls; raises the errors of `authenticate_device`."""
        session = authenticate_device(request)
        request.staff_session = session  # type: ignore[attr-defined]
        if self.counts_as_activity and request.method != "GET":
            sessions.mark_active(session, clock.now())
        return session.actor(client_address(request))


class ManagingAPIView(StaffAPIView):
    """A view for managers: from the back office's session, with its CSRF token, or with a till's proven token."""

    def prove(self, request: HttpRequest) -> Actor:
        """Return who calls."""
        if request.META.get("HTTP_AUTHORIZATION"):
            return super().prove(request)
        user = request.user
        if not user.is_authenticated or not user.is_active:
            raise InvalidToken
        SessionAuthentication().enforce_csrf(self.request)
        return actor_of(user, address=client_address(request))  # type: ignore[arg-type]  # our own user model


def no_content() -> HttpResponse:
    """Return 204."""
    return HttpResponse(status=204)
