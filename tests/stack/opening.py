"""A cinema opens in the stack's database: `python -m tests.stack.opening STAFF SHOWTIMES` prints what it made."""

import json
import random
import subprocess
import sys
from dataclasses import dataclass
from os import environ

import django

from backend.devtools.servers import ROOT
from backend.devtools.stack import Stack
from tests.support.fixtures import over_network
from tests.support.till import Till

SEATS = [f"{row}-{number}" for row in range(1, 11) for number in range(1, 13)]  # of each showtime's hall


@dataclass(frozen=True)
class Opening:
    """Sellers who may bind a machine, by phone; showtimes on sale, by id, each with the seats `SEATS`."""

    phones: list[str]
    showtimes: list[str]


def opened(stack: Stack, *, staff: int, showtimes: int) -> Opening:
    """Open a cinema in the database of `stack`."""
    command = [sys.executable, "-m", "tests.stack.opening", str(staff), str(showtimes)]
    done = subprocess.run(
        command, env={**environ, **stack.environment}, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
    )
    return Opening(**json.loads(done.stdout.splitlines()[-1]))


def till_of(stack: Stack, phone: str) -> Till:
    """Return a new machine of this seller, on one connection through nginx."""
    return Till(over_network(stack.origin, ca_file=stack.ca_file), origin=stack.origin, phone=phone)


def main() -> None:
    """Open a cinema in the database that the environment names."""
    django.setup()
    from tests.factories import make_cinema, make_film, make_hall, make_showtime, make_staff  # noqa: PLC0415 - set up

    staff, showtimes = (int(number) for number in sys.argv[1:])
    numbers = random.sample(range(10**8), staff)  # others may have opened a cinema in this database before
    cinema, film = make_cinema(code=f"X{numbers[0]}"), make_film(title=f"Film {numbers[0]}")
    hall = make_hall(cinema)
    made = Opening(
        phones=[make_staff(phone=f"137{number:08}", cinemas=[cinema]).phone for number in numbers],
        showtimes=[str(make_showtime(hall, film=film)["_id"]) for _ in range(showtimes)],
    )
    print(json.dumps(made.__dict__))


if __name__ == "__main__":
    main()
