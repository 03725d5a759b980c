"""Create the first managers: `manage.py create_manager PHONE NAME`; the password is asked for, never an argument."""

import sys
from argparse import ArgumentParser
from getpass import getpass
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from backend.accounts.phones import normalised
from backend.accounts.roles import ROLES
from backend.accounts.services.managing import create_account
from backend.core import clock
from backend.core.problems import Problem


class Command(BaseCommand):
    """Create an account that works in the back office."""

    help = "Create a manager account; the password is asked for, or read from standard input."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("phone")
        parser.add_argument("name")
        roles = [role.code for role in ROLES.values() if role.back_office]
        parser.add_argument("--role", choices=roles, default="chain_manager")

    def handle(self, *args: Any, **options: Any) -> None:
        phone = normalised(options["phone"])
        if phone is None:
            raise CommandError(f"{options['phone']} is not a phone number.")
        password = getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
        try:
            validate_password(password)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        try:
            create_account(
                phone=phone,
                name=options["name"],
                role=options["role"],
                cinemas=[],
                password=password,
                by=None,
                now=clock.now(),
            )
        except Problem as problem:
            raise CommandError(str(problem.title)) from None
        self.stdout.write(self.style.SUCCESS(f"Created {options['role']} {phone}."))
