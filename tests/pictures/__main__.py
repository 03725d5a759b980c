"""Take a picture of every window, screen and admin page, on demo data and servers of its own, into docs/images/.

`python -m tests.pictures` makes all of them; with names, only those. Machines, films, shows and what is sold are the
same each time; times, order and ticket numbers are the day's own, so two pictures of the same page always differ a
little. Make and commit those whose page has changed.
"""

import argparse
from collections.abc import Sequence

from tests.pictures.scenes import NAMES, scenes_for
from tests.pictures.studio import studio


def wanted_names(arguments: Sequence[str] | None = None) -> frozenset[str]:
    """Return the pictures that the command line asks for; all of them where it names none."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.pictures",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=f"names: {', '.join(NAMES)}",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="a picture without its .png")
    names = frozenset(parser.parse_args(arguments).names)
    if unknown := names.difference(NAMES):
        parser.error(f"no picture is called {', '.join(sorted(unknown))}")
    return names or frozenset(NAMES)


def main() -> None:
    """Make the pictures."""
    wanted = wanted_names()
    with studio(wanted) as set_up:
        for scene in scenes_for(wanted):
            scene.play(set_up)


if __name__ == "__main__":
    main()
