"""Which network is better at comparing two handwritten digits, and how sure are we?

The way of one run through the package: `study` plans it, `data` draws its pairs, `training` trains
it, `results` stores it, `report` tells what came out; `cluster` does all of that on many processes
with Ray, and `cli` is the command `mnistcmp`. docs/structure.md says more.
"""

__version__ = "0.1.0"
