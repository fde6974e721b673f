"""MNIST, and the pairs of digits that each seed draws from it."""

from mnistcmp.data.cache import MD5 as MD5
from mnistcmp.data.cache import data_dir as data_dir
from mnistcmp.data.cache import ensure_mnist as ensure_mnist
from mnistcmp.data.mnist import Digits as Digits
from mnistcmp.data.mnist import Mnist as Mnist
from mnistcmp.data.mnist import load_mnist as load_mnist
from mnistcmp.data.mnist import pool as pool
from mnistcmp.data.pairs import Pairs as Pairs
from mnistcmp.data.pairs import PairSets as PairSets
from mnistcmp.data.pairs import draw_pair_sets as draw_pair_sets
