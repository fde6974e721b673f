"""Image files as digits like MNIST's."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageOps

from mnistcmp.data.mnist import Mnist
from mnistcmp.errors import UserError
from mnistcmp.predict.images import read_digit, unlike_mnist


def test_a_png_of_mnist_is_what_the_networks_were_trained_on(
    tmp_path: Path, images: NDArray[np.uint8], mnist: Mnist
) -> None:
    """28 x 28 is pooled as the data is, 14 x 14 taken as it is, and nothing is noted."""
    for position in range(5):
        path = tmp_path / "digit.png"
        Image.fromarray(images[position]).save(path)
        digit = read_digit(path)
        assert np.array_equal(digit.pixels, mnist.test.images[position])
        assert digit.notes == ()
    small = (255 * mnist.test.images[0]).round().astype("uint8")
    Image.fromarray(small).save(path)
    assert np.abs(read_digit(path).pixels - mnist.test.images[0]).max() < 0.5 / 255 + 1e-6


Change = Callable[[Image.Image], Image.Image]


def _transparent(image: Image.Image, ink: int) -> Image.Image:
    """The digit's grey levels as opacity of one ink."""
    plain = Image.new("L", image.size, ink)
    return Image.merge("LA", (plain, image))


HARMLESS: dict[str, tuple[Change, str]] = {
    "dark on light": (lambda i: i.point(lambda level: 255 - level), "background is light"),
    "colours": (lambda i: i.convert("RGB"), "converted to grey levels"),
    "palette": (lambda i: i.convert("P"), "converted to grey levels"),
    "larger": (lambda i: i.resize((112, 112), Image.Resampling.NEAREST), "from 112 x 112 to 14"),
    "16 bits": (
        lambda i: Image.fromarray(np.asarray(i).astype("uint16") * 257),
        "16 bits a pixel taken as 8",
    ),
    "light ink": (lambda i: _transparent(i, 255), "transparent pixels taken as background"),
    "dark ink": (lambda i: _transparent(i, 0), "transparent pixels taken as background"),
    "not square": (lambda i: i.crop((4, 0, 24, 28)), "filled up from 20 x 28 to 28 x 28"),
}


@pytest.mark.parametrize("kind", HARMLESS)
def test_harmless_differences_are_converted_and_said(
    tmp_path: Path, images: NDArray[np.uint8], mnist: Mnist, kind: str
) -> None:
    """The digit comes out the same to a grey level or so."""
    change, note = HARMLESS[kind]
    path = tmp_path / "digit.png"
    change(Image.fromarray(images[0])).save(path)
    digit = read_digit(path)
    assert note in "; ".join(digit.notes)
    assert np.abs(digit.pixels - mnist.test.images[0]).max() < 2 / 255


def test_no_digit_of_mnist_is_unlike_mnist(mnist: Mnist) -> None:
    """Nothing is said of what the networks are tested on."""
    assert [unlike_mnist(pixels) for pixels in mnist.test.images if unlike_mnist(pixels)] == []


UNLIKE: dict[str, tuple[Change, str]] = {
    "left": (lambda i: ImageChops.offset(i, -4, 0), "of 14 pixels off the middle"),
    "high": (lambda i: ImageChops.offset(i, 0, -3), "of 14 pixels off the middle"),
    "tiny": (lambda i: ImageOps.expand(i, 28), "the digit is 3 of 14 pixels long"),
    "cut close": (lambda i: i.crop(i.getbbox()), "the digit is 14 of 14 pixels long"),
    "dark and high": (
        lambda i: ImageOps.invert(ImageChops.offset(i, 0, -4)),
        "of 14 pixels off the middle",
    ),
}


@pytest.mark.parametrize("kind", UNLIKE)
def test_a_digit_in_another_place_or_size_is_noted(
    tmp_path: Path, images: NDArray[np.uint8], kind: str
) -> None:
    """It is answered all the same, by networks that have seen none like it."""
    change, note = UNLIKE[kind]
    change(Image.fromarray(images[0])).save(tmp_path / "digit.png")
    assert note in "; ".join(read_digit(tmp_path / "digit.png").notes)


def test_a_photograph_is_taken_upright(
    tmp_path: Path, images: NDArray[np.uint8], mnist: Mnist
) -> None:
    """JPEG, turned as its EXIF says."""
    path = tmp_path / "digit.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(images[0]).rotate(90).save(path, quality=100, exif=exif)
    assert np.abs(read_digit(path).pixels - mnist.test.images[0]).max() < 0.05


@pytest.fixture(scope="module")
def impossible(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of files that are no digits."""
    folder = tmp_path_factory.mktemp("impossible")
    Image.new("L", (1, 1)).save(folder / "pixel.png")
    Image.new("L", (28, 28), 200).save(folder / "blank.png")
    Image.new("1", (14_000, 14_000)).save(folder / "huge.png")
    (folder / "text.png").write_text("not an image")
    whole = folder / "whole.png"
    noise = np.random.default_rng(0).integers(0, 255, (28, 28), dtype="uint8")
    Image.fromarray(noise).save(whole)
    (folder / "cut.png").write_bytes(whole.read_bytes()[:-300])
    Image.fromarray(noise).save(folder / "other.gif")
    return folder


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere.png", "cannot read nowhere.png: No such file or directory"),
        (".", "cannot read .: Is a directory"),
        ("text.png", "text.png is not a PNG or JPEG image"),
        ("other.gif", "other.gif is not a PNG or JPEG image"),
        ("cut.png", "cannot read cut.png: the image is damaged"),
        ("pixel.png", "pixel.png has 1 x 1 pixels, too few for a digit"),
        ("blank.png", "blank.png is blank"),
        ("huge.png", "huge.png has too many pixels"),
    ],
)
def test_what_is_no_digit_gets_one_line(
    impossible: Path, monkeypatch: pytest.MonkeyPatch, name: str, message: str
) -> None:
    """What is wrong with which file."""
    monkeypatch.chdir(impossible)
    with pytest.raises(UserError) as caught:
        read_digit(Path(name))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
