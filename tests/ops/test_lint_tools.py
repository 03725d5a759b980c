"""The checkers of `make lint` find what they are for."""

import shutil
from pathlib import Path

import polib
import pytest

from backend.devtools import nginx, translations
from backend.devtools.debian import missing_packages, wanted_packages


@pytest.fixture
def catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a catalogue of one text, next to sources that the test writes."""
    file = tmp_path / "django.po"
    source = polib.POFile()
    source.metadata = {"Content-Type": "text/plain; charset=utf-8"}
    source.append(polib.POEntry(msgid="Seat", msgstr="座位"))
    source.save(str(file))
    source.save_as_mofile(str(file.with_suffix(".mo")))
    monkeypatch.setattr(translations, "CATALOGUE", file)
    monkeypatch.setattr(translations, "SOURCES", tmp_path)
    monkeypatch.setattr(translations, "ROOT", tmp_path)
    return file


def test_a_text_without_chinese_words_is_named_with_its_file(catalogue: Path):
    (catalogue.parent / "views.py").write_text('title = _("Nobody translated this")\n')
    (catalogue.parent / "page.html").write_text('{% load i18n %}{% translate "Nor this page" %}\n')

    assert translations.problems() == [
        "views.py: 'Nobody translated this' has no Chinese words",
        "page.html: 'Nor this page' has no Chinese words",
    ]


def test_a_catalogue_changed_after_it_was_compiled_is_named(catalogue: Path):
    source = polib.pofile(str(catalogue))
    source.append(polib.POEntry(msgid="Row", msgstr="排"))
    source.save()

    assert "is not current" in translations.problems()[0]


def test_all_forms_of_marking_are_found(tmp_path: Path):
    code = tmp_path / "code.py"
    code.write_text('_("a"); gettext_lazy("b"); ngettext("c", "d", 2); pgettext("verb", "e"); models.x(_("f"))\n')
    page = tmp_path / "page.html"
    page.write_text(
        "{% load i18n %}{% translate 'g' %}{% blocktranslate with x=y %}h {{ x }}{% endblocktranslate %}"
        "{% blocktranslate count n=n %}one{% plural %}many{% endblocktranslate %}{{ _('i') }}"
    )

    assert set(translations.texts_of_code(code)) == {"a", "b", "c", "verb\x04e", "f"}
    assert set(translations.texts_of_template(page)) == {"g", "h %(x)s", "one", "i"}


def test_a_package_that_is_not_there_is_missing_and_one_that_is_there_is_not():
    assert missing_packages(["no-such-package-anywhere", "dpkg"]) == ["no-such-package-anywhere"]


def test_the_list_of_packages_holds_names_alone():
    assert all(name.replace("-", "").replace("+", "").replace(".", "").isalnum() for name in wanted_packages())


def test_nginx_refuses_a_template_with_a_mistake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    assert nginx.main() == 0

    templates = tmp_path / "conf"
    shutil.copytree(nginx.TEMPLATES, templates)
    with (templates / "ops.conf.template").open("a", encoding="utf-8") as file:
        file.write("location /more { proxy_pas http://ops; }\n")
    monkeypatch.setattr(nginx, "TEMPLATES", templates)
    assert nginx.main() == 1
