"""Answers that belong to no app."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _

from backend.core.problems import Problem, answer


class CsrfRefused(Problem):
    """An unsafe request without this session's own token, or from another site."""

    status, code = 403, "csrf_refused"
    title = _("This page is out of date")
    detail = _("Reload the page and do it again.")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001  # Django passes it
    """Answer a failed CSRF check: problem+json for programs, a page that says what to do for people."""
    problem = CsrfRefused()
    if request.path_info.startswith("/api/"):
        return answer(problem, request)
    return render(request, "core/problem.html", {"problem": problem}, status=problem.status)
