"""Production refuses a database of demo accounts, at the start and in `check --deploy`."""

import pytest
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command

from backend.core.mongo import collection
from backend.ops.checks import refuse_demo_data
from backend.ops.demo.load import MARK

pytestmark = pytest.mark.django_db


@pytest.fixture
def production(settings, monkeypatch):
    settings.ENVIRONMENT = "prod"
    # The test's own connection stays open: closing it is for the process that forks afterwards.
    monkeypatch.setattr("backend.ops.checks.connection.close_pool", lambda: None)


def complaints():
    return [each.id for each in run_checks(include_deployment_checks=True) if each.id == "ops.C001"]


def test_production_starts_on_a_database_of_its_own(production):
    refuse_demo_data()

    assert complaints() == []


def test_production_does_not_start_on_demo_data_and_check_names_it(production):
    collection("appState").insert_one({"_id": MARK})

    with pytest.raises(ImproperlyConfigured, match="demo"):
        refuse_demo_data()
    assert complaints() == ["ops.C001"]


def test_production_settings_load_no_demo_data(production):
    with pytest.raises(Exception, match="production"):
        call_command("load_demo_data")


def test_development_starts_on_demo_data(settings):
    collection("appState").insert_one({"_id": MARK})

    refuse_demo_data()
