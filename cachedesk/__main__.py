"""``python -m cachedesk`` is the command ``cachedesk``."""

from cachedesk.cli.main import main

if __name__ == "__main__":
    main()
