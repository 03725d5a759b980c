"""Problems on a ticket screen: words where the cashier looks, and nothing of what was typed is lost."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from backend.core.problems import Problem, as_problem
from backend.screens.frame import display_of, is_partial

View = Callable[..., HttpResponse]


def problems_in_words(view: View) -> View:
    """Answer the problems of a screen's view: above the panel for a part, else on a page of its own."""

    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except Exception as error:
            problem = as_problem(error)
            if problem is None:
                raise
            return problem_page(request, problem)

    return wrapper


def problem_page(request: HttpRequest, problem: Problem) -> HttpResponse:
    """Render `problem` for the screen that met it."""
    errors = problem.extra.get("errors") or {}
    messages = [message for listed in errors.values() for message in listed]
    if is_partial(request):
        context = {"problem": problem, "messages": messages}
        response = render(request, "screens/part_problem.html", context, status=problem.status)
        response["HX-Retarget"], response["HX-Reswap"] = "#trouble", "innerHTML"
        response["HX-Part"] = "problem"
    else:
        number = getattr(request, "request_id", "")
        context = {"problem": problem, "messages": messages, "request_id": number, **display_of(request)}
        response = render(request, "screens/problem.html", context, status=problem.status)
    for name, value in problem.headers.items():
        response[name] = value
    return response
