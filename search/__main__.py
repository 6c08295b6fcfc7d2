"""``python -m search``; a missing package is reported in one line."""

import sys

OWN = ("search", "trainer", "storage")
BAD_INPUT = 2  # the exit code of errors that the user can fix


def run() -> None:
    """Run the command line."""
    try:
        from search.commands.app import main

        main()
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if not package or package in OWN:
            raise
        sys.stderr.write(
            f"error: the package {package!r} is missing in {sys.prefix}: run `make search`, or pip"
            " install --constraint constraints.txt --editable . in this folder\n"
        )
        sys.exit(BAD_INPUT)


if __name__ == "__main__":
    run()
