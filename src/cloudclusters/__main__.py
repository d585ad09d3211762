"""`python -m cloudclusters` is the command line."""

from cloudclusters.cli import main

if __name__ == "__main__":
    main()
