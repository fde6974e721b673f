"""Where results are: a folder, or a place in an object store that a URI names.

A URI is `s3://BUCKET/PREFIX`; credentials and the endpoint of a store other than Amazon's come from
the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL), as for other tools. So
they do for `gs://BUCKET/PREFIX` and `abfs://CONTAINER@ACCOUNT.dfs.core.windows.net/PREFIX`, as
Google's and Azure's tools have them.
"""

import errno
import os
import posixpath
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow as pa
from pyarrow import fs

from mnistcmp.errors import UserError
from mnistcmp.files import make_folder, move, replacing

ALMOST_URI = re.compile(r"[a-z][a-z0-9+.-]+:[/\\]|s3[an]?(:|//)", re.IGNORECASE)
SCHEMES = "s3", "gs", "abfs", "abfss"
ALLOWED = "Allowed: a folder, or s3://BUCKET/PREFIX (gs:// and abfs:// as pyarrow has them)."
PASSING = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EAGAIN}
"""Errors of a folder's disk or server that may be over in a while."""
LASTING = re.compile(
    r"ACCESS.DENIED|NO.SUCH|INVALID|SIGNATURE|FORBIDDEN|NOT.FOUND|40[0134]", re.IGNORECASE
)
"""In an object store's error: it is asked for wrongly, now and in a while."""
GOOGLE_SECONDS = 20
"""Patience with one request to Google's store."""
THREADS = 16
"""Requests to an object store at a time: each waits for the network."""


class StoreAwayError(UserError):
    """A place cannot be written now, and in a while perhaps can."""


class DamagedFileError(UserError):
    """A file is cut off or altered."""


class FileGoneError(UserError):
    """A file is not there, or not any more."""


def is_uri(text: str) -> bool:
    """Whether a text names an object store, well or with a slip, rather than a folder."""
    return "://" in text or bool(ALMOST_URI.match(text))


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
        with self._reading():
            return bool(self._files.get_file_info(self._join()).type == fs.FileType.Directory)

    def list(self, folder: str, suffix: str) -> list[str]:
        """Names of the files in a folder below, sorted; none where the folder is not there."""
        selector = fs.FileSelector(self._join(folder), allow_not_found=True)
        with self._reading():
            found = self._files.get_file_info(selector)
        names = [info.base_name for info in found if info.type == fs.FileType.File]
        return sorted(n for n in names if n.endswith(suffix) and not n.startswith("."))

    def times(self, prefix: str) -> dict[str, float]:
        """When files here of names that begin so were written, in seconds by the store's clock."""
        selector = fs.FileSelector(self._join(""), allow_not_found=True)
        with self._reading():
            found = self._files.get_file_info(selector)
        return {i.base_name: i.mtime_ns / 1e9 for i in found if i.base_name.startswith(prefix)}

    def read(self, folder: str, name: str) -> pa.Buffer:
        """A file's content.

        Raises:
            FileGoneError: It is not there.
        """
        with self._reading():
            try:
                with self._files.open_input_file(self._join(folder, name)) as file:
                    return file.read_buffer()
            except FileNotFoundError as error:
                raise FileGoneError(
                    f"{self.path(folder, name)} was there and is gone: somebody else is at work on "
                    "the results. Try again."
                ) from error

    def make_folders(self, names: Iterable[str]) -> Sequence[Path]:
        """Makes folders below; those that were not there. An object store needs none."""
        if not self._local:
            return []
        with self._writing():
            return [new for name in names for new in make_folder(Path(self._root, name))]

    def write(self, folder: str, name: str, content: bytes | pa.Buffer) -> None:
        """Writes a file whole or not at all; once written it outlasts the machine's failure.

        In a folder: under a temporary name, forced to the disk, then renamed. In an object store an
        object appears when its upload is complete.
        """
        target = self._join(folder, name)
        with self._writing():
            if self._local:
                with replacing(Path(os.fsdecode(target))) as file:
                    file.write_bytes(content)
                return
            with self._files.open_output_stream(target) as stream:
                stream.write(content)

    def move(self, folder: str, name: str, to: str) -> None:
        """Moves a file into another folder, in place of one of its name."""
        self.make_folders((to,))
        with self._writing():
            if self._local:
                move(Path(self._root, folder, name), Path(self._root, to, name))
            else:
                self._files.move(self._join(folder, name), self._join(to, name))

    def delete(self, folder: str, name: str) -> None:
        """Deletes a file; that it is gone already is no error."""
        with self._writing(), suppress(FileNotFoundError):
            self._files.delete_file(self._join(folder, name))

    def check_writable(self) -> None:
        """Looks, without writing, whether a folder can be made and written, as far as is seen."""
        if not self._local:
            return
        folder = Path(self._root)
        with self._writing():
            blocker = next(path for path in (folder, *folder.parents) if os.path.lexists(path))
        if blocker.is_symlink() and not blocker.exists():
            raise UserError(
                f"the output {self} cannot be a folder: {blocker.name} is a link to "
                f"{blocker.readlink()}, where nothing is. Make that folder, or choose another "
                "with --output."
            )
        if not blocker.is_dir():
            raise UserError(
                f"the output {self} cannot be a folder: {blocker.name} is a file. "
                "Choose another with --output."
            )
        if not os.access(blocker, os.W_OK | os.X_OK):
            raise self._unwritable(PermissionError(errno.EACCES, "Permission denied"))

    def _join(self, *parts: str) -> str | bytes:
        joined = posixpath.join(self._root, *parts)
        # The names of files are bytes, which need not be UTF-8, as Arrow takes text to be.
        return os.fsencode(joined) if self._local else joined

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except (OSError, pa.ArrowException) as error:
            raise UserError(
                f"cannot read the results in {self}: {_reason(error)}.{self._advice()}"
            ) from error

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except (OSError, pa.ArrowException) as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: Exception) -> UserError:
        passes = error.errno in PASSING if isinstance(error, OSError) and error.errno else None
        if passes is None:
            passes = not self._local and not LASTING.search(str(error))
        kind = StoreAwayError if passes else UserError
        return kind(
            f"cannot write to the output folder {self}: {_reason(error)}."
            f"{self._advice() or ' Choose another with --output.'}"
        )

    def _advice(self) -> str:
        if self._local or not self.name.startswith("s3:"):
            return ""
        return (
            " Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_ENDPOINT_URL for a store "
            "other than Amazon's) for keys that may use the bucket, or choose another --output."
        )


def _open_uri(uri: str) -> tuple[fs.FileSystem, str]:
    try:
        parts = urlsplit(uri, allow_fragments=False)
    except ValueError as error:
        raise UserError(f"cannot use '{uri}' for results: {error}. {ALLOWED}") from error
    if parts.scheme not in SCHEMES or not parts.netloc or not parts.path.strip("/"):
        raise UserError(f"cannot use '{uri}' for results. {ALLOWED}")
    try:
        # Arrow would take a key for one that is written as in the web's addresses.
        options = parts.query
        if parts.scheme == "gs" and "retry_limit_seconds" not in options:
            # Without credentials, Google's client would ask for some for a quarter of an hour.
            options += f"&retry_limit_seconds={GOOGLE_SECONDS}"
        files, bucket = fs.FileSystem.from_uri(
            f"{parts.scheme}://{parts.netloc}/?{options.lstrip('&')}"
        )
    except (OSError, pa.ArrowException, ValueError) as error:
        raise UserError(f"cannot use '{uri}' for results: {_reason(error)}. {ALLOWED}") from error
    return files, posixpath.join(bucket, parts.path.strip("/"))


def _reason(error: Exception) -> str:
    """An error's own words in one line."""
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
