"""Paint a style picture: `python -m allaprima.paintings stained-glass -o stained-glass.png`."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
