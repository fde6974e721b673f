"""Training: a pure function from runs to their results, without Ray and without a disk."""

from mnistcmp.training.device import DeviceChoice as DeviceChoice
from mnistcmp.training.device import resolve_device as resolve_device
from mnistcmp.training.result import Epoch as Epoch
from mnistcmp.training.result import Predictions as Predictions
from mnistcmp.training.result import Round as Round
from mnistcmp.training.result import Score as Score
from mnistcmp.training.result import TrainingResult as TrainingResult
from mnistcmp.training.result import Weights as Weights
from mnistcmp.training.train import side_by_side as side_by_side
from mnistcmp.training.train import to_its_end as to_its_end
from mnistcmp.training.train import train as train
from mnistcmp.training.train import train_plainly as train_plainly
from mnistcmp.training.train import training as training
from mnistcmp.training.warm import warm_up as warm_up
