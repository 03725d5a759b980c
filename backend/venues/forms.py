"""Forms of the back office for cinemas and halls: they parse and validate; the services change."""

from typing import Any

from bson import ObjectId
from django import forms
from django.utils.translation import gettext_lazy as _

from backend.core.actor import Actor
from backend.core.problems import Invalid
from backend.venues import layouts
from backend.venues.models import CODE, Cinema, Hall
from backend.venues.selectors import cinemas_of
from backend.venues.services import networks_from


class ServiceForm(forms.ModelForm):
    """A form whose values go to a service: its fields are its own, and the instance stays as it is."""

    actor: Actor  # set by the admin for each request

    def _post_clean(self) -> None:
        """Leave the instance alone, neither filled nor validated: the services write the document."""


def offer(form: forms.Form | forms.ModelForm, name: str, choices: list[tuple[str, str]]) -> None:
    """Offer `choices`, (value, words), in the form's field `name`."""
    field = form.fields[name]
    assert isinstance(field, forms.ChoiceField)
    field.choices = choices


class CinemaForm(ServiceForm):
    """A cinema."""

    name = forms.CharField(label=_("Name"), max_length=60)
    code = forms.CharField(label=_("Code"), max_length=12, validators=[CODE])
    time_zone = forms.CharField(label=_("Time zone"), max_length=40, initial="Asia/Shanghai")
    address = forms.CharField(label=_("Address"), max_length=120, required=False)
    networks = forms.CharField(
        label=_("Networks"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "cols": 50, "spellcheck": "false"}),
        help_text=_(
            "One a line, like 10.1.0.0/16: a first log-in binds its machine only from one of these. "
            "Left empty, it binds from every address."
        ),
    )

    class Meta:
        """No field of the model is written by the form."""

        model = Cinema
        fields: tuple[str, ...] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is not None:
            for name in ("name", "code", "time_zone", "address"):
                self.initial[name] = getattr(self.instance, name)
            self.initial["networks"] = "\n".join(self.instance.networks or [])

    def clean_networks(self) -> list[str]:
        """Return the networks, one a line."""
        lines = [line for line in self.cleaned_data["networks"].splitlines() if line.strip()]
        try:
            return networks_from(lines)
        except Invalid as problem:
            raise forms.ValidationError(problem.extra["errors"]["networks"]) from None


class HallForm(ServiceForm):
    """A hall: its name, and its seats while it is new."""

    name = forms.CharField(label=_("Name"), max_length=30)
    cinema = forms.ChoiceField(label=_("Cinema"))
    drawing = forms.CharField(
        label=_("Seats"),
        strip=False,
        widget=forms.Textarea(attrs={"rows": 14, "cols": 50, "spellcheck": "false"}),
        help_text=_(
            "One line a row, the screen above: . a seat, x a broken one, LL a love seat, w a place for a "
            "wheelchair, a space an aisle."
        ),
    )

    class Meta:
        """No field of the model is written by the form."""

        model = Hall
        fields: tuple[str, ...] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is not None:
            self.initial["name"] = self.instance.name
            del self.fields["cinema"], self.fields["drawing"]
            return
        offer(self, "cinema", [(str(each["_id"]), each["name"]) for each in cinemas_of(self.actor)])

    def clean_cinema(self) -> ObjectId:
        """Return the cinema's id."""
        return ObjectId(self.cleaned_data["cinema"])

    def clean_drawing(self) -> dict[str, Any]:
        """Return the seats that the drawing stands for."""
        rows = [line.rstrip() for line in self.cleaned_data["drawing"].splitlines()]
        try:
            return layouts.build([row for row in rows if row])
        except Invalid as problem:
            messages = [message for each in problem.extra["errors"].values() for message in each]
            raise forms.ValidationError(messages) from None
