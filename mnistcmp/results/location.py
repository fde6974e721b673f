"""Where results are: a folder, or a place in an object store that a URI names.

A URI is `s3://BUCKET/PREFIX`; credentials and the endpoint of a store other than Amazon's come from
the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL), as for other tools.
"""

import mmap
import os
import posixpath
import tempfile
import uuid
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

import pyarrow as pa
from pyarrow import fs

from mnistcmp.errors import UserError

THREADS = 16
"""Requests to an object store at a time: each waits for the network."""


class FileGoneError(UserError):
    """A file that was listed is there no more: somebody compacted the results meanwhile."""


def is_uri(text: str) -> bool:
    """Whether a text names an object store rather than a folder."""
    return "://" in text


class Location:
    """Reads, lists and writes files below one place.

    Raises:
        UserError: The URI is of an unknown kind. Every method raises it too, where the place cannot
            be used as asked.
    """

    def __init__(self, place: Path | str) -> None:
        self.name = str(place)
        if is_uri(self.name):
            self._files, self._root = _open_uri(self.name)
        else:
            self._files, self._root = fs.LocalFileSystem(), str(Path(place).absolute())
        self._local = isinstance(self._files, fs.LocalFileSystem)

    def __str__(self) -> str:
        return self.name

    def path(self, *parts: str) -> str:
        """The name of a file below, for people."""
        return posixpath.join(self.name, *parts)

    def exists(self) -> bool:
        """Whether the folder is there. A prefix of an object store is, once something is in it."""
        try:
            info = self._files.get_file_info(self._root)
        except (OSError, pa.ArrowException) as error:
            raise self._unreadable(error) from error
        return bool(info.type == fs.FileType.Directory)

    def list(self, folder: str, suffix: str) -> list[str]:
        """Names of the files in a folder below, sorted; none where the folder is not there."""
        selector = fs.FileSelector(self._join(folder), allow_not_found=True)
        try:
            found = self._files.get_file_info(selector)
        except (OSError, pa.ArrowException) as error:
            raise self._unreadable(error) from error
        names = [info.base_name for info in found if info.type == fs.FileType.File]
        return sorted(n for n in names if n.endswith(suffix) and not n.startswith("."))

    def read(self, folder: str, name: str) -> pa.Buffer:
        """A file's content."""
        try:
            with self._files.open_input_file(self._join(folder, name)) as file:
                return file.read_buffer()
        except FileNotFoundError as error:
            raise self._gone(folder, name) from error
        except (OSError, pa.ArrowException) as error:
            raise self._unreadable(error) from error

    def open(self, folder: str, name: str) -> pa.NativeFile:
        """A file to read parts of.

        Raises:
            FileGoneError: It is not there.
        """
        try:
            return self._files.open_input_file(self._join(folder, name))
        except FileNotFoundError as error:
            raise self._gone(folder, name) from error
        except (OSError, pa.ArrowException) as error:
            raise self._unreadable(error) from error

    def make_folders(self, names: Iterable[str]) -> None:
        """Makes folders below. An object store needs none."""
        if not self._local:
            return
        try:
            for name in names:
                self._files.create_dir(self._join(name), recursive=True)
        except OSError as error:
            raise self._unwritable(error) from error

    def write(self, folder: str, name: str, content: bytes | pa.Buffer) -> None:
        """Writes a file whole or not at all.

        In a folder: under a temporary name, then renamed. In an object store an object appears when
        its upload is complete.
        """
        target = self._join(folder, name)
        temporary = self._join(folder, f".{name}.{uuid.uuid4().hex}.tmp")
        try:
            if not self._local:
                self._put(target, content)
                return
            try:
                self._put(temporary, content)
                self._files.move(temporary, target)
            finally:
                Path(temporary).unlink(missing_ok=True)
        except (OSError, pa.ArrowException) as error:
            raise self._unwritable(error) from error

    @contextmanager
    def create(self, folder: str, name: str) -> Iterator[BinaryIO]:
        """A file to fill, which appears whole when the block ends, and not at all if it raises.

        It is on the disk then, whatever happens to the machine.
        """
        target = self._join(folder, name)
        try:
            if not self._local:
                with tempfile.TemporaryFile() as file:
                    yield file
                    file.flush()
                    # One call, which no Ctrl-C divides: closing a stream completes its object.
                    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                        self._put(target, pa.py_buffer(content))
                return
            temporary = Path(self._join(folder, f".{name}.{uuid.uuid4().hex}.tmp"))
            try:
                with temporary.open("wb") as file:
                    yield file
                    file.flush()
                    os.fsync(file.fileno())
                temporary.replace(target)
                _sync_folder(temporary.parent)
            finally:
                temporary.unlink(missing_ok=True)
        except (OSError, pa.ArrowException) as error:
            raise self._unwritable(error) from error

    def delete(self, folder: str, names: Iterable[str]) -> None:
        """Deletes files; one that is gone already is no error."""
        try:
            with ThreadPoolExecutor(1 if self._local else THREADS) as pool:
                list(pool.map(lambda name: self._delete(self._join(folder, name)), names))
        except (OSError, pa.ArrowException) as error:
            raise self._unwritable(error) from error

    def _delete(self, path: str) -> None:
        try:
            self._files.delete_file(path)
        except FileNotFoundError:
            return

    def check_writable(self) -> None:
        """Looks, without writing, whether a folder can be made and written, as far as is seen."""
        if not self._local:
            return
        folder = Path(self._root)
        try:
            blocker = next(p for p in (folder, *folder.parents) if p.exists())
        except OSError as error:
            raise self._unwritable(error) from error
        if not blocker.is_dir():
            raise UserError(
                f"the output {self} cannot be a folder: {blocker.name} is a file. "
                "Choose another with --output."
            )
        if not os.access(blocker, os.W_OK | os.X_OK):
            raise self._unwritable(PermissionError(13, "Permission denied"))

    def _put(self, path: str, content: bytes | pa.Buffer) -> None:
        with self._files.open_output_stream(path) as stream:
            stream.write(content)

    def _join(self, *parts: str) -> str:
        return posixpath.join(self._root, *parts)

    def _gone(self, folder: str, name: str) -> FileGoneError:
        return FileGoneError(
            f"{self.path(folder, name)} was there and is gone: somebody else is at work on the "
            "results. Try again."
        )

    def _unreadable(self, error: Exception) -> UserError:
        return UserError(f"cannot read the results in {self}: {_reason(error)}.{self._advice()}")

    def _unwritable(self, error: Exception) -> UserError:
        return UserError(
            f"cannot write to the output folder {self}: {_reason(error)}."
            f"{self._advice() or ' Choose another with --output.'}"
        )

    def _advice(self) -> str:
        if self._local:
            return ""
        return (
            " Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_ENDPOINT_URL for a store "
            "other than Amazon's) for keys that may use the bucket, or choose another --output."
        )


def _sync_folder(folder: Path) -> None:
    """Has the disk know the folder's new names."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _open_uri(uri: str) -> tuple[fs.FileSystem, str]:
    parts = urlsplit(uri)
    if parts.scheme != "s3" or not parts.netloc or not parts.path.strip("/"):
        raise UserError(
            f"cannot use '{uri}' for results. Allowed: a folder, or s3://BUCKET/PREFIX."
        )
    try:
        files, root = fs.FileSystem.from_uri(uri)
    except (OSError, pa.ArrowException, ValueError) as error:
        raise UserError(
            f"cannot use '{uri}' for results: {_reason(error)}. Allowed: a folder, or "
            "s3://BUCKET/PREFIX."
        ) from error
    return files, root


def _reason(error: Exception) -> str:
    """An error's own words in one line."""
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


def fresh_place(place: str) -> str:
    """The place itself if nothing is there, else the first free one of place-2, place-3, ..."""
    number, candidate = 1, place.rstrip("/")
    while Location(candidate).exists():
        number += 1
        candidate = f"{place.rstrip('/')}-{number}"
    return candidate
