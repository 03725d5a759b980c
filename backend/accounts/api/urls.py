"""The addresses of log-in, sessions and managing under `/api/v2/`: a till's own, and a manager's."""

from django.urls import path

from backend.accounts.api import login, managing

tills = [
    path("login", login.LoginView.as_view()),
    path("token/refresh", login.RefreshView.as_view()),
    path("session", login.SessionView.as_view()),
    path("web-session", login.WebSessionView.as_view()),
    path("logout", login.LogoutView.as_view()),
]
managers = [
    path("users", managing.UsersView.as_view()),
    path("users/<str:user>", managing.UserView.as_view()),
    path("users/<str:user>/unbind-device", managing.UnbindDeviceView.as_view()),
    path("users/<str:user>/open-binding-window", managing.OpenBindingWindowView.as_view()),
    path("users/<str:user>/activation-code", managing.ActivationCodeView.as_view()),
    path("users/<str:user>/bind-attempt", managing.BindAttemptView.as_view()),
    path("device-bindings", managing.DeviceBindingsView.as_view()),
    path("device-bindings/<str:binding>/approve", managing.ApproveBindingView.as_view()),
    path("device-bindings/<str:binding>/revoke", managing.RevokeBindingView.as_view()),
    path("sessions", managing.SessionsView.as_view()),
    path("sessions/<str:session>/revoke", managing.RevokeSessionView.as_view()),
    path("login-logs", managing.LoginLogsView.as_view()),
    path("security-logs", managing.SecurityLogsView.as_view()),
]
