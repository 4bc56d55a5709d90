"""Files as they were in a revision of git: what `diff --git` compares with."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from archinspect.base.printable import printable
from archinspect.language.library import SUFFIXES
from archinspect.language.load import looks_like_spec

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import ExitStack

MAX_ARCHIVE = 2**30
"""Bytes of a revision's files that are unpacked."""


def pairs(revision: str, files: Sequence[str], stack: ExitStack) -> tuple[list[tuple[str, str, str]], list[str]]:
    """Return a title, the old and the new path of each file that changed, and a line for each that is new or gone.

    All specs of the revision are unpacked, as they may extend one another, until `stack` is left.
    """
    if revision.startswith("-"):
        raise click.UsageError(f"--git: '{revision}' is no revision")
    root = _git("rev-parse", "--show-toplevel").strip()
    named = [os.path.relpath(os.path.realpath(file), os.path.realpath(root)) for file in files]
    changed = _git("diff", "--name-only", "-z", revision, "--", *named, at=root).split("\0")
    new = _git("ls-files", "--others", "--exclude-standard", "-z", "--", *named, at=root).split("\0")
    paths = sorted({path for path in (*changed, *new) if path and (files or path.endswith(SUFFIXES))})
    before = {path for path in _git("ls-tree", "-r", "--name-only", "-z", revision, at=root).split("\0") if path}
    folder = stack.enter_context(TemporaryDirectory())
    _unpack(revision, [path for path in before if path.endswith(SUFFIXES) or path in paths], root, folder)
    found, notes = [], []
    for path in paths:
        old, here = os.path.join(folder, path), os.path.join(root, path)
        is_before, is_now = path in before, os.path.exists(here)
        if not files and not any(looks_like_spec(one) for one in (old, here) if os.path.exists(one)):
            continue
        if is_before and not os.path.exists(old):
            notes.append(
                f"{printable(path)}: not compared, as it is no file in {printable(revision)}, or a link out of it"
            )
        elif is_before and is_now:
            found.append((path, old, os.path.relpath(here)))
        else:
            notes.append(f"{printable(path)}: {'is new' if is_now else 'is gone'}")
    return found, notes


def _unpack(revision: str, paths: Sequence[str], root: str, folder: str) -> None:
    if not paths:
        return
    attributes = ("-c", "core.attributesFile=/dev/null")
    data = _git_bytes(*attributes, "archive", "--format=tar", revision, "--", *paths, at=root)
    if len(data) > MAX_ARCHIVE:
        raise click.UsageError(f"the files of the revision are larger than {MAX_ARCHIVE >> 30} GiB")
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for member in archive:
            _extract(archive, member, folder)


def _extract(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: str) -> None:
    """Write a file, or a link, that stays in the folder; Python's own filter for that is missing before 3.11.4."""
    path = os.path.join(folder, member.name)
    content = archive.extractfile(member) if member.isreg() else None
    target = os.path.join(os.path.dirname(path), member.linkname) if member.issym() else path
    root = os.path.join(os.path.realpath(folder), "")
    if not all(os.path.realpath(one).startswith(root) for one in (path, target)):
        return
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if content:
        with content, open(path, "wb") as file:
            shutil.copyfileobj(content, file)
    elif member.issym():
        os.symlink(member.linkname, path)


def _git(*arguments: str, at: str = ".") -> str:
    return _git_bytes(*arguments, at=at).decode("utf-8", "surrogateescape")


def _git_bytes(*arguments: str, at: str) -> bytes:
    try:
        run = subprocess.run(["git", *arguments], cwd=at, capture_output=True, check=False)  # noqa: S603, S607 - the user's git
    except OSError:
        raise click.UsageError("--git: there is no git here") from None
    if run.returncode:
        said = run.stderr.decode("utf-8", "replace").strip().partition("\n")[0]
        raise click.UsageError(f"--git: {printable(said)}")
    return run.stdout
