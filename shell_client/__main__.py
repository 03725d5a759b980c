"""Start the shell with `python -m shell_client`."""

import sys

from shell_client.app import main

if __name__ == "__main__":
    sys.exit(main())
