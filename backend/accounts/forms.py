"""Forms of the back office for accounts: they parse and validate; the services change."""

from typing import Any

from bson import ObjectId
from django import forms
from django.conf import settings
from django.contrib.admin.forms import AdminPasswordChangeForm
from django.contrib.auth.password_validation import validate_password
from django.utils.translation import gettext_lazy as _

from backend.accounts.models import AccountState, BindingPolicy, User
from backend.accounts.phones import normalised
from backend.accounts.roles import ROLES, roles_below
from backend.accounts.selectors import actor_of
from backend.accounts.services import managing
from backend.core import clock
from backend.core.actor import Actor
from backend.core.mongo import collection


def cinema_choices(actor: Actor) -> list[tuple[str, str]]:
    """Return the caller's cinemas as choices."""
    wanted = {"_id": {"$in": list(actor.cinemas)}} if actor.cinemas else {}
    found = collection("cinemas").find(wanted, {"name": 1}).sort("name", 1)
    return [(str(each["_id"]), each["name"]) for each in found]


class AccountForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    """Name, role, cinemas and status of an account; the phone too while it is new."""

    actor: Actor  # set by the admin for each request
    phone = forms.CharField(label=_("Phone"), max_length=32, help_text=_("Any usual form: +86 138 0000 0002 too."))
    name = forms.CharField(label=_("Name"), max_length=60)
    role = forms.ChoiceField(label=_("Role"))
    cinemas = forms.MultipleChoiceField(
        label=_("Cinemas"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None chosen means all cinemas."),
    )
    status = forms.ChoiceField(label=_("Status"), choices=AccountState.choices)
    binding_policy = forms.ChoiceField(
        label=_("First log-in binds"),
        required=False,
        choices=BindingPolicy.choices,
        help_text=_("Another choice voids an open window and an activation code. It changes no binding."),
    )
    new_password = forms.CharField(
        label=_("Back-office password"),
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("Only for roles that work in the back office; leave it empty to keep the present one."),
    )

    class Meta:
        model = User
        fields: tuple[str, ...] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"].choices = [(role.code, role.label) for role in roles_below(self.actor.rank)]
        self.fields["cinemas"].choices = cinema_choices(self.actor)
        if self.actor.cinemas:
            self.fields["cinemas"].required = True
            self.fields["cinemas"].help_text = _("At least one.")
        if self.instance.pk is None:
            self.fields["status"].initial = AccountState.ACTIVE
            self.fields["binding_policy"].initial = settings.BINDING_POLICY
            del self.fields["status"]
            return
        del self.fields["phone"]
        self.initial |= {
            "name": self.instance.name,
            "role": self.instance.role,
            "cinemas": [str(cinema) for cinema in self.instance.cinemas],
            "status": self.instance.account.status.code,
            "binding_policy": self.instance.account.binding_policy,
        }
        for name in self.initial:
            self.fields[name].show_hidden_initial = True  # so that `changed_data` compares with what the page showed

    def _post_clean(self) -> None:
        """Leave the instance alone, neither filled nor validated: the services write the document."""

    def clean_phone(self) -> str:
        """Return the phone normalised, and refuse one that has an account."""
        phone = normalised(self.cleaned_data["phone"])
        if phone is None:
            raise forms.ValidationError(_("Not a phone number: write 11 digits, or +country and number."))
        if collection("users").find_one({"phone": phone}, {"_id": 1}):
            raise forms.ValidationError(_("An account with this phone exists already"))
        return phone

    def clean_cinemas(self) -> list[ObjectId]:
        """Return the chosen cinemas as ids."""
        return [ObjectId(cinema) for cinema in self.cleaned_data["cinemas"]]

    def clean(self) -> dict[str, Any]:
        """Check the password against the rules, and that the role has a use for one."""
        values: dict[str, Any] = super().clean() or self.cleaned_data
        password, role = values.get("new_password"), values.get("role")
        if password and role in ROLES:
            if ROLES[role].back_office:
                try:
                    validate_password(password)
                except forms.ValidationError as error:
                    self.add_error("new_password", error)
            else:
                self.add_error("new_password", _("This role does not work in the back office."))
        return values


class OwnPasswordForm(AdminPasswordChangeForm):
    """Change one's own password: by the service, which writes the password alone and logs it."""

    def save(self, commit: bool = True) -> User:
        """Write the new password, and keep this browser signed in."""
        user: User = self.user  # type: ignore[assignment]  # our own user model
        actor, password = actor_of(user), self.cleaned_data["new_password1"]
        managing.set_password(actor.id, password=password, by=actor, now=clock.now())
        user.refresh_from_db(fields=["password"])
        return user
