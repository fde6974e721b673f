"""What runs did beyond their test accuracy: how they learned, what they got wrong, who differs."""

from mnistcmp.analysis.compare import Side as Side
from mnistcmp.analysis.compare import SideBySide as SideBySide
from mnistcmp.analysis.compare import compare as compare
from mnistcmp.analysis.curves import Curves as Curves
from mnistcmp.analysis.curves import learning_curves as learning_curves
from mnistcmp.analysis.digits import DigitErrors as DigitErrors
from mnistcmp.analysis.digits import Mistake as Mistake
from mnistcmp.analysis.digits import digit_errors as digit_errors
from mnistcmp.analysis.groups import MOST_DETAILED as MOST_DETAILED
from mnistcmp.analysis.groups import Group as Group
from mnistcmp.analysis.groups import read_groups as read_groups
from mnistcmp.analysis.mcnemar import EXACT as EXACT
from mnistcmp.analysis.mcnemar import POOLED as POOLED
from mnistcmp.analysis.sentences import CLAIM as CLAIM
from mnistcmp.analysis.sentences import in_a_sentence as in_a_sentence
from mnistcmp.analysis.sentences import notes as notes
from mnistcmp.analysis.sentences import p_value as p_value
from mnistcmp.analysis.sides import compare_folders as compare_folders
from mnistcmp.analysis.sides import compare_in_study as compare_in_study
