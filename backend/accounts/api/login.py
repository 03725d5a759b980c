"""The doors of the log-in and its session: parse, call, answer."""

from typing import Any

from bson import ObjectId
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from backend.accounts import figures, sessions
from backend.accounts.api.base import OpenView, StaffAPIView, no_content
from backend.accounts.api.shapes import (
    BoundDevice,
    ClientVersions,
    LoginAnswer,
    LoginIn,
    RefreshIn,
    SessionAnswer,
    SessionInfo,
    StaffUser,
    TokenPair,
    WaitingAnswer,
    WebSessionAnswer,
    bound_device,
    time_or_none,
)
from backend.accounts.dpop import verify
from backend.accounts.phones import required_phone
from backend.accounts.services.attempt import Attempt, LoggedIn, Waiting
from backend.accounts.services.login import log_in
from backend.accounts.services.refresh import refresh
from backend.accounts.services.web_session import issue_code
from backend.accounts.sessions import LiveSession
from backend.core import clock
from backend.core.api import django_request, json_answer
from backend.core.http import client_address, public_origin
from backend.core.openapi import describe
from backend.core.parsing import parse
from backend.releases.selectors import current_release

IDLE_MINUTES = settings.SESSION_IDLE_SECONDS // 60


def session_info(identifier: object, started: Any, expires: Any) -> SessionInfo:
    """Return a session as its own till sees it."""
    return SessionInfo(
        id=str(identifier),
        started_at=clock.iso(started),
        expires_at=clock.iso(expires),
        idle_minutes=IDLE_MINUTES,
    )


class LoginView(OpenView):
    """`POST login`."""

    @describe(
        summary="Log in by phone, machine code and device proof; the first log-in binds, or waits for approval.",
        body=LoginIn,
        answers={200: LoginAnswer, 202: WaitingAnswer},
        problems=(400, 401, 413, 415, 426, 429, 503),
    )
    def post(self, request: Any) -> HttpResponse:
        with figures.log_in() as note:
            done = self._log_in(django_request(request))
            note(done)
        if isinstance(done, Waiting):
            waiting = WaitingAnswer(status="pending", reference=done.reference, retry_after=done.retry_after)
            return json_answer(waiting, status=202)
        device = bound_device(done.device)
        assert device is not None
        user = done.user
        return json_answer(
            {
                **done.tokens,
                "user": StaffUser(
                    id=str(user["_id"]),
                    phone=user["phone"],
                    name=user["name"],
                    role=user["role"],
                    cinemas=[str(cinema) for cinema in user["cinemas"]],
                ),
                "device": device,
                "session": session_info(done.session["_id"], done.session["startedAt"], done.session["expiresAt"]),
            }
        )

    def _log_in(self, plain: HttpRequest) -> LoggedIn | Waiting:
        now = clock.now()
        wanted = parse(plain, LoginIn)
        attempt = Attempt(
            phone=required_phone(wanted.phone),
            machine_code=wanted.machine_code,
            device_name=wanted.device.name,
            os=wanted.device.os,
            client_version=wanted.device.client_version,
            address=client_address(plain),
            proof=verify(plain, now=now),
            activation_code=wanted.activation_code,
        )
        return log_in(attempt, now=now)


class RefreshView(OpenView):
    """`POST token/refresh`."""

    @describe(
        summary="Exchange a refresh token for the next pair; the old one dies.",
        body=RefreshIn,
        answers={200: TokenPair},
        problems=(400, 401, 413, 415, 503),
    )
    def post(self, request: Any) -> HttpResponse:
        plain = django_request(request)
        now = clock.now()
        wanted = parse(plain, RefreshIn)
        pair = refresh(
            token=wanted.refresh_token,
            proof=verify(plain, now=now),
            idempotency_key=plain.META.get("HTTP_IDEMPOTENCY_KEY", "")[:200] or None,
            address=client_address(plain),
            now=now,
        )
        return json_answer(pair)


class SessionView(StaffAPIView):
    """`GET session`, the heartbeat."""

    permission_required = None

    @describe(summary="Who is logged in, and whether still.", answers={200: SessionAnswer}, problems=(401, 503))
    def get(self, request: Any) -> HttpResponse:
        session: LiveSession = django_request(request).staff_session  # type: ignore[attr-defined]  # set by `prove`
        release = current_release()
        return json_answer(
            SessionAnswer(
                user=StaffUser(
                    id=session.user,
                    phone=session.phone,
                    name=session.name,
                    role=session.role,
                    cinemas=session.cinemas,
                ),
                device=BoundDevice(
                    machine_code=session.machine_code,
                    key_thumbprint=session.key,
                    name=session.device_name,
                    bound_at=time_or_none(session.bound_at),
                ),
                session=session_info(session.id, session.started_at, session.expires_at),
                server_time=clock.iso(clock.now()),
                client=ClientVersions(latest=release["version"], minimum=release["minimum"]),
            )
        )


class WebSessionView(StaffAPIView):
    """`POST web-session`."""

    permission_required = None
    counts_as_activity = False

    @describe(
        summary="A one-time address that opens the ticket screens as this session.",
        answers={200: WebSessionAnswer},
        problems=(401, 503),
    )
    def post(self, request: Any) -> HttpResponse:
        code = issue_code(ObjectId(request.actor.session), now=clock.now())
        address = public_origin(django_request(request)) + reverse("till-enter", args=[code])
        return json_answer(WebSessionAnswer(url=address, expires_in=settings.WEB_SESSION_CODE_SECONDS))


class LogoutView(StaffAPIView):
    """`POST logout`."""

    permission_required = None
    counts_as_activity = False

    @describe(summary="End this session.", answers={204: None}, problems=(401, 503))
    def post(self, request: Any) -> HttpResponse:
        sessions.end(request.actor.session, reason="logged_out", now=clock.now())
        return no_content()
