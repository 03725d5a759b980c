"""Forms of the back office for films and showtimes: they parse and validate; the services change."""

from decimal import Decimal, InvalidOperation
from typing import Any

from bson import ObjectId
from django import forms
from django.contrib.admin.widgets import AdminSplitDateTime
from django.utils.translation import gettext_lazy as _

from backend.core.money import money
from backend.core.mongo import collection
from backend.programme.models import Film, Showtime
from backend.venues.forms import ServiceForm, offer

PICTURES = [("2D", "2D"), ("3D", "3D"), ("IMAX", "IMAX")]
PRICE_WORDS = (3, 5)  # type, label, amount; and zone, its label


class FilmForm(ServiceForm):
    """A film."""

    title = forms.CharField(label=_("Title"), max_length=80)
    original_title = forms.CharField(label=_("Original title"), max_length=120, required=False)
    duration_minutes = forms.IntegerField(label=_("Minutes"), min_value=1, max_value=600)
    language = forms.CharField(label=_("Language"), max_length=20)

    class Meta:
        """No field of the model is written by the form."""

        model = Film
        fields: tuple[str, ...] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is not None:
            for name in ("title", "original_title", "duration_minutes", "language"):
                self.initial[name] = getattr(self.instance, name)


class ShowtimeForm(ServiceForm):
    """A showtime: what, where and when while it is new; afterwards its prices and when sales end."""

    film = forms.ChoiceField(label=_("Film"))
    hall = forms.ChoiceField(label=_("Hall"))
    picture = forms.ChoiceField(label=_("Format"), choices=PICTURES)
    starts_at = forms.SplitDateTimeField(label=_("Starts"), widget=AdminSplitDateTime())
    sales_end_at = forms.SplitDateTimeField(label=_("Sales end"), widget=AdminSplitDateTime())
    prices = forms.CharField(
        label=_("Prices"),
        widget=forms.Textarea(attrs={"rows": 8, "cols": 60, "spellcheck": "false"}),
        help_text=_("One line a price: type, label, yuan; for a zone also its code and its label."),
    )

    class Meta:
        """No field of the model is written by the form."""

        model = Showtime
        fields: tuple[str, ...] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is not None:
            for name in ("film", "hall", "picture", "starts_at"):
                del self.fields[name]
            self.initial["sales_end_at"] = self.instance.sales_end_at
            self.initial["prices"] = lines_of(self.instance.prices)
            return
        del self.fields["sales_end_at"]
        halls = collection("halls").find({"cinema": {"$in": list(self.actor.cinemas)}} if self.actor.cinemas else {})
        named = sorted((f"{hall['cinemaName']} {hall['name']}", str(hall["_id"])) for hall in halls)
        offer(self, "hall", [(value, name) for name, value in named])
        films = collection("films").find({}, {"title": 1}).sort("title", 1)
        offer(self, "film", [(str(film["_id"]), film["title"]) for film in films])
        self.initial["prices"] = "adult 成人 60\nstudent 学生 42\nchild 儿童 30\nsenior 长者 30"

    def clean_film(self) -> ObjectId:
        """Return the film's id."""
        return ObjectId(self.cleaned_data["film"])

    def clean_hall(self) -> ObjectId:
        """Return the hall's id."""
        return ObjectId(self.cleaned_data["hall"])

    def clean_prices(self) -> list[dict[str, Any]]:
        """Return the prices as the service takes them."""
        return [_price(line.split()) for line in self.cleaned_data["prices"].splitlines() if line.strip()]


def lines_of(prices: list[dict[str, Any]]) -> str:
    """Return prices as the form writes them."""
    return "\n".join(
        " ".join(
            [price["ticketType"], price["label"], money(price["amount"])]
            + ([price["zone"], price.get("zoneLabel", price["zone"])] if price.get("zone") else [])
        )
        for price in prices
    )


def _price(words: list[str]) -> dict[str, Any]:
    if len(words) not in PRICE_WORDS:
        raise forms.ValidationError(_("Not a price: %(line)s"), params={"line": " ".join(words)})
    try:
        amount = Decimal(words[2])
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite():
        raise forms.ValidationError(_("Not an amount: %(amount)s"), params={"amount": words[2]})
    price: dict[str, Any] = {"ticketType": words[0], "label": words[1], "amount": amount}
    return price | ({"zone": words[3], "zoneLabel": words[4]} if len(words) == PRICE_WORDS[1] else {})
