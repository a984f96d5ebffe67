"""Which files the arguments mean."""

from __future__ import annotations

import glob
import shutil
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["find_files", "paths_of"]

_STDIN: Final = "-"
_SUFFIXES: Final = (".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson", ".parquet")
_COMPRESSED: Final = (".gz", ".zst")
# Refused with a way to read them; skipping them would leave votes out in silence.
_OTHERS: Final = (".xlsx", ".arrow", ".bz2", ".xz", ".zip")


def find_files(arguments: Sequence[str], scratch: Path) -> list[tuple[str, Path]]:
    """Find what the arguments mean: files, folders, patterns, and ``-`` for standard input.

    Args:
        arguments: As typed.
        scratch: Where the contents of pipes are kept: they can be read only once.

    Returns:
        The name that messages use, and a regular file.

    Raises:
        FileNotFoundError: An argument means no file.
    """
    found: dict[Path, tuple[str, Path]] = {}
    for argument in dict.fromkeys(arguments):
        for path in paths_of(argument):
            if argument == _STDIN:
                if sys.stdin is None:
                    raise FileNotFoundError("standard input is closed")
                copy = _copied(sys.stdin.buffer, scratch / str(len(found)))
                found[copy] = ("standard input", copy)
            elif path.is_file():
                # A file that two arguments mean is read once.
                found.setdefault(path.resolve(), (str(path), path))
            else:
                with path.open("rb") as pipe:
                    copy = _copied(pipe, scratch / str(len(found)))
                found[copy] = (str(path), copy)
    return list(found.values())


def _copied(source: IO[bytes], path: Path) -> Path:
    with path.open("wb") as file:
        shutil.copyfileobj(source, file)
    return path


def paths_of(argument: str) -> list[Path]:
    """List the files that an argument means.

    Raises:
        FileNotFoundError: It means none.
    """
    path = Path(argument)
    if argument == _STDIN or (path.exists() and not path.is_dir()):
        return [path]
    if path.is_dir():
        files = sorted(
            each
            for each in path.rglob("*")
            if each.is_file()
            and not any(part.startswith((".", "_")) for part in each.relative_to(path).parts)
            and _plain_name(each).endswith((*_SUFFIXES, *_OTHERS))
        )
        if not files:
            raise FileNotFoundError(
                f"{argument} holds no file that ends with {', '.join(_SUFFIXES)}, "
                f"with or without {' or '.join(_COMPRESSED)}"
            )
        return files
    matched = sorted(glob.glob(argument, recursive=True))  # noqa: PTH207 - from any root
    files = [Path(each) for each in matched if Path(each).is_file()]
    if not files:
        raise FileNotFoundError(f"no file {argument} exists")
    return files


def _plain_name(path: Path) -> str:
    """Return a file's name without the ending of its compression, in lower case."""
    is_compressed = path.suffix.lower() in _COMPRESSED
    return (path.stem if is_compressed else path.name).lower()
