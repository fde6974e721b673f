"""Files that somebody else may have written: Parquet, weights, checkpoints, MNIST's, images."""

import gzip
import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from mnistcmp.data import mnist as mnist_module
from mnistcmp.data.mnist import read_verified
from mnistcmp.networks.architectures import architecture
from mnistcmp.predict.images import SIZE, Digit, read_digit
from mnistcmp.predict.model import Answer, answer
from mnistcmp.results.checkpoints import Checkpoints
from mnistcmp.results.location import Location
from mnistcmp.results.outcome import Failed
from mnistcmp.results.parquet import decode, encode
from mnistcmp.results.schema import TABLES
from mnistcmp.results.tables import failures_table, finished_tables
from mnistcmp.results.weights import UNSIGNED, _signed, decode_weights, encode_weights
from mnistcmp.study.named import TABLE1
from mnistcmp.study.study import Run
from mnistcmp.training.checkpoint import decode as decode_checkpoint
from mnistcmp.training.checkpoint import encode as encode_checkpoint
from mnistcmp.training.result import Weights
from tests.fuzz.inputs import changed, mangled, reads, texts
from tests.support.stored import NOON
from tests.support.synthetic import made_up

RUNS = [Run(architecture="baseline", seed=seed, recipe=TABLE1.recipe) for seed in (0, 1, 2)]
WHOLE = dict(finished_tables("x", made_up(RUNS, epochs=3, pairs=4)))
WHOLE["failures"] = failures_table(
    "x", [Failed(run=RUNS[0], error="E: x", traceback="E", host="h", failed_at=NOON)]
)
PARQUET = [(name, encode(rows)) for name, rows in WHOLE.items()]
NAMES = st.sampled_from(sorted(WHOLE))
TYPES = st.sampled_from([
    pa.int8(), pa.int64(), pa.uint64(), pa.float16(), pa.string(), pa.large_string(), pa.binary(),
    pa.list_(pa.string()), pa.list_(pa.list_(pa.int8())), pa.struct([("run_id", pa.string())]),
    pa.map_(pa.string(), pa.int8()), pa.dictionary(pa.int32(), pa.string()), pa.date32(),
    pa.timestamp("ns"), pa.decimal128(38, 2), pa.bool_(), pa.json_(), pa.uuid(),
])  # fmt: skip


def _all_of(name: str, content: bytes, coded: tuple[str, ...] = ()) -> pa.Table:
    rows = decode(name, pa.py_buffer(content), "x.parquet", TABLES[name].names, coded)
    rows.validate(full=True)
    rows.to_pylist()
    return rows


@given(
    st.sampled_from(PARQUET).flatmap(
        lambda part: st.tuples(st.just(part[0]), mangled(part[1], [b"PAR1", b"\xff\xff\xff\x7f"]))
    ),
    st.sampled_from([(), ("study", "run_id")]),
)
def test_a_damaged_file_of_a_table(file: tuple[str, bytes], coded: tuple[str, ...]) -> None:
    """Its rows are as they were written, or it is not read."""
    name, content = file
    rows = reads(lambda: _all_of(name, content, coded))
    if rows is not None:
        assert rows.cast(WHOLE[name].schema).equals(WHOLE[name])


@st.composite
def _other_files(draw: st.DrawFn) -> tuple[str, bytes]:
    """Of this schema version, they say; with columns of other types, none, or twice."""
    name, rows = draw(NAMES), draw(st.sampled_from([0, 1, 3]))
    fields = [(f.name, f.type) for f in TABLES[name]]
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(fields) - 1))
        match draw(st.integers(0, 3)):
            case 0:
                del fields[place]
            case 1:
                fields.append(fields[place])
            case 2:
                fields[place] = fields[place][0], draw(TYPES)
            case _:
                fields.append((draw(texts).encode(errors="replace").decode(), draw(TYPES)))
    arrays = [pa.nulls(rows, type_) for _, type_ in fields]
    said = {"mnistcmp.schema_version": "3", "pandas": draw(st.sampled_from(["{}", "[", "null"]))}
    sink = pa.BufferOutputStream()
    table = pa.Table.from_arrays(arrays, schema=pa.schema(fields, metadata=said))
    pq.write_table(
        table,
        sink,
        row_group_size=draw(st.sampled_from([1, 100])),
        use_dictionary=False,
        store_schema=draw(st.booleans()),
        compression=draw(st.sampled_from(["zstd", "none", "snappy"])),
    )
    return name, sink.getvalue().to_pybytes()


@given(_other_files())
def test_a_file_of_another_schema(file: tuple[str, bytes]) -> None:
    """It is read as the table's, or not at all."""
    name, content = file
    rows = reads(lambda: _all_of(name, content))
    if rows is not None:
        assert [(f.name, f.type) for f in rows.schema] == [(f.name, f.type) for f in TABLES[name]]


def _kept(weights: Weights | None = None) -> bytes:
    entry = architecture("baseline")
    network = entry.build(entry.effective_options(TABLE1.recipe.network))
    tensors = {name: tensor.numpy() for name, tensor in network.state_dict().items()}
    return encode_weights(RUNS[0], weights or Weights(tensors=tensors, mean=0.1, deviation=0.3))


KEPT = _kept()
HEADER = json.loads(KEPT[8 : 8 + int.from_bytes(KEPT[:8], "little")])
DIGIT = Digit(pixels=np.eye(SIZE, dtype=np.float32), notes=())


def _with_header(header: object) -> bytes:
    """The file with another header, and the checksum of it all, as whoever made it could."""
    if isinstance(header, dict) and isinstance(header.get("__metadata__"), dict):
        header["__metadata__"]["sha256"] = UNSIGNED
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode(
        errors="surrogatepass"
    )
    body = KEPT[8 + int.from_bytes(KEPT[:8], "little") :]
    content = len(text).to_bytes(8, "little") + text + body
    return _signed(content, UNSIGNED, hashlib.sha256(content).hexdigest())


def _answer(content: bytes) -> Answer | None:
    stored = decode_weights(content, "x.safetensors")
    # As the store, which looks for a run's weights by its name.
    return answer(stored, DIGIT, DIGIT) if stored.run == RUNS[0] else None


@given(mangled(KEPT, [b'"dtype":"BF16"', b"\xff" * 8]) | changed(HEADER).map(_with_header))
@example(_with_header(HEADER | {"__metadata__": HEADER["__metadata__"] | {"deviation": "0"}}))
@example(_with_header(HEADER | {"__metadata__": HEADER["__metadata__"] | {"seed": "9" * 5000}}))
@example(_with_header(HEADER | {"x": {"dtype": "F8_E4M3", "shape": [0], "data_offsets": [0, 0]}}))
@example(b"\x10" + bytes(7) + b"[" * 16)
def test_a_file_of_weights(content: bytes) -> None:
    """The network answers with a probability."""
    said = reads(lambda: _answer(content))
    assert said is None or 0 <= said.probability <= 1


STATE = {"of": ["cpu", RUNS[0].run_id], "tensors": torch.zeros(3), "array": np.zeros(3)}
CHECKPOINT = encode_checkpoint(STATE)


def _packed(size: int) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as parts:
        parts.writestr("archive/data.pkl", b"\x80\x02}q\x00.")
        parts.writestr("archive/data/0", bytes(size))
    return file.getvalue()


@given(mangled(CHECKPOINT, [b"cos\nsystem\n", b"\x80\x02", b"PK\x01\x02"]))
@example(_packed(2**26))
def test_a_checkpoint(content: bytes) -> None:
    """Of numbers, texts and tensors, or none."""
    state = reads(lambda: decode_checkpoint(content))
    if state is not None:
        kinds = str, list, dict, float, torch.Tensor, np.ndarray
        assert all(isinstance(value, kinds) for value in state.values())


@given(mangled(b'{"runs": ["x"], "sha256": "0"}\nabc') | st.binary())
@example(b"[" * 100_000 + b"\n")
def test_a_file_of_a_checkpoint(scratch: Path, content: bytes) -> None:
    """It is taken for none where it is not as it was written."""
    (scratch / "checkpoints").mkdir(exist_ok=True)
    (scratch / "checkpoints" / "x.checkpoint").write_bytes(content)
    assert reads(lambda: Checkpoints(Location(scratch)).find(RUNS)) == []


@given(mangled(gzip.compress(bytes(1000))) | st.binary())
@example(gzip.compress(bytes(2**28)))
@example(gzip.compress(b""))
def test_a_file_of_mnist_s(scratch: Path, content: bytes) -> None:
    """Nothing but MNIST itself is read, and no more than that is unpacked."""
    (scratch / "mnist").mkdir(exist_ok=True)
    (scratch / "mnist" / "t10k-labels-idx1-ubyte.gz").write_bytes(content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mnist_module, "files", lambda _: scratch)
        assert reads(lambda: read_verified("t10k-labels-idx1-ubyte")) is None


def _image(format_: str, mode: str, size: tuple[int, int], **options: Any) -> bytes:  # noqa: ANN401
    file = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, size, dtype=np.uint8)
    Image.fromarray(noise).convert(mode).save(file, format_, **options)
    return file.getvalue()


EXIF = Image.Exif()
EXIF[0x0112] = 6
IMAGES = [
    _image("PNG", "L", (28, 28)),
    _image("PNG", "RGBA", (20, 30)),
    _image("PNG", "P", (14, 14)),
    _image("PNG", "I;16", (28, 28)),
    _image("JPEG", "L", (28, 28), exif=EXIF),
    _image("JPEG", "CMYK", (33, 20)),
]
CHUNKS = [
    b"IHDR",
    b"IDAT",
    b"PLTE",
    b"tRNS",
    b"iCCP",
    b"eXIf",
    b"acTL",
    b"\xff\xe1",
    b"\x7f\xff\xff\xff",
]


@given(st.sampled_from(IMAGES).flatmap(lambda whole: mangled(whole, CHUNKS)))
@example(_image("PNG", "1", (1, 100_000)))
@example(_image("PNG", "1", (100_000, 2)))
def test_an_image(scratch: Path, content: bytes) -> None:
    """A digit of 14 x 14 grey levels."""
    (scratch / "digit.png").write_bytes(content)
    digit = reads(lambda: read_digit(scratch / "digit.png"))
    if digit is not None:
        assert digit.pixels.shape == (SIZE, SIZE)
        assert 0 <= digit.pixels.min() <= digit.pixels.max() <= 1
