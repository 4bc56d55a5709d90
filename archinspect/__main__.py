"""The command line as a process of its own: the script `archinspect`, and `python -m archinspect`."""

import atexit
import gc


def main() -> None:
    """Run the command line."""
    # Looking for garbage while modules are imported, and in all of them at the end, would be a sixth of a summary.
    gc.set_threshold(100_000)
    atexit.register(gc.freeze)
    from archinspect import cli  # behind the lines above

    cli.main()


if __name__ == "__main__":
    main()
