"""The command line as a process of its own: the script `archinspect`, and `python -m archinspect`."""

# What `signal` is made of: while that is imported, Ctrl-C would print a traceback.
import _signal  # type: ignore[import-not-found]
import gc
import os
import sys


def main() -> None:
    """Run the command line."""
    # Without a traceback, whatever is imported just now.
    _signal.signal(_signal.SIGINT, lambda *_: os._exit(128 + _signal.SIGINT))
    # Looking for garbage while modules are imported would be a tenth of a summary.
    gc.set_threshold(100_000)
    from archinspect import cli  # after the line above

    try:
        cli.main()
    except SystemExit as end:
        if isinstance(end.code, int) and not (sys.gettrace() or sys.getprofile()):
            # All is written. Giving back every object, one by one, would take as long as the summary.
            os._exit(end.code)
        raise


if __name__ == "__main__":
    main()
