"""What a stored network says of two images."""

from mnistcmp.prediction.images import Digit as Digit
from mnistcmp.prediction.images import read_digit as read_digit
from mnistcmp.prediction.model import Answer as Answer
from mnistcmp.prediction.model import Model as Model
from mnistcmp.prediction.model import answer as answer
from mnistcmp.prediction.model import choose_model as choose_model
