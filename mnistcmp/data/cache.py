"""The MNIST files: shipped with the package, unpacked once per user, verified at every use."""

import gzip
import hashlib
import os
import tempfile
import zlib
from importlib.resources import files
from pathlib import Path

import platformdirs

from mnistcmp.errors import UserError
from mnistcmp.files import expand_home

DATA_DIR_VARIABLE = "MNISTCMP_DATA_DIR"

MD5 = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
"""Checksums of the unpacked files."""


def data_dir(choice: Path | None = None) -> Path:
    """The folder that holds MNIST: the choice, else MNISTCMP_DATA_DIR, else the user's cache."""
    chosen = choice or os.environ.get(DATA_DIR_VARIABLE) or platformdirs.user_cache_path("mnistcmp")
    return Path(expand_home(str(chosen)))


def ensure_mnist(folder: Path) -> Path:
    """Unpacks what is missing into folder/MNIST/raw, as torchvision has it, and verifies all.

    Several processes may do so at once: each writes under a name of its own and renames. Returns
    folder/MNIST/raw.

    Raises:
        UserError: The folder cannot be written, or a file is not MNIST's.
    """
    raw = folder / "MNIST" / "raw"
    try:
        raw.mkdir(parents=True, exist_ok=True)
        for name in MD5:
            if not (raw / name).exists():
                _unpack(name, raw / name)
            _verify((raw / name).read_bytes(), name, f"{raw / name}: delete it, and the next start")
    except OSError as error:
        raise UserError(
            f"cannot use the data folder {folder}: {error.strerror}. "
            f"Choose a writable one with --data-dir or {DATA_DIR_VARIABLE}."
        ) from error
    return raw


def _unpack(name: str, target: Path) -> None:
    packed = files("mnistcmp.data").joinpath("mnist", f"{name}.gz").read_bytes()
    remedy = "the installed package: install mnistcmp again, which"
    try:
        content = gzip.decompress(packed)
    except (gzip.BadGzipFile, EOFError, zlib.error):
        content = b""
    _verify(content, name, remedy)
    descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{name}-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            # Temporary files are their owner's alone; a data folder may be shared.
            os.fchmod(descriptor, 0o644)
        Path(temporary).replace(target)
    finally:
        Path(temporary).unlink(missing_ok=True)


def _verify(content: bytes, name: str, remedy: str) -> None:
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if found != MD5[name]:
        raise UserError(
            f"{name} is truncated or changed: MD5 {found} of {len(content):,} bytes, expected "
            f"{MD5[name]}, in {remedy} puts a good copy in its place."
        )
