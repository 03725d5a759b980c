"""How a till likes to be shown: language, theme, text size, cinema."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import check_for_language

from backend.screens import desk
from backend.screens.doors import action
from backend.screens.frame import CINEMA_COOKIE, TEXT_COOKIE, TEXT_SIZES, THEME_COOKIE, THEMES, actor_of

YEAR = 365 * 24 * 3600


def _back(request: HttpRequest) -> HttpResponseRedirect:
    wanted = request.POST.get("next", "")
    # A path of our own screens and nothing else.
    is_ours = wanted.startswith("/till/") and url_has_allowed_host_and_scheme(wanted, allowed_hosts=None)
    return HttpResponseRedirect(wanted if is_ours else "/till/", status=303)


def _remember(response: HttpResponse, name: str, value: str) -> None:
    secure = settings.PUBLIC_ORIGIN.startswith("https://")
    response.set_cookie(name, value, max_age=YEAR, path="/till/", secure=secure, httponly=True, samesite="Strict")


@action("boxoffice.view_showtimes")
def language(request: HttpRequest) -> HttpResponse:
    """Change the language of this till."""
    response = _back(request)
    wanted = request.POST.get("language", "")
    if wanted in dict(settings.LANGUAGES) and check_for_language(wanted):
        response.set_cookie(settings.LANGUAGE_COOKIE_NAME, wanted, max_age=YEAR, path="/", samesite="Strict")
    return response


@action("boxoffice.view_showtimes")
def display(request: HttpRequest) -> HttpResponse:
    """Change theme, text size or cinema of this till; whatever the form names."""
    response = _back(request)
    for cookie, field, allowed in (
        (THEME_COOKIE, "theme", THEMES),
        (TEXT_COOKIE, "text", TEXT_SIZES),
        (CINEMA_COOKIE, "cinema", [each["id"] for each in desk.cinemas(actor_of(request))]),
    ):
        if (wanted := request.POST.get(field)) in allowed:
            _remember(response, cookie, str(wanted))
    return response
