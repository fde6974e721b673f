"""The command line."""

from mnistcmp.cli.app import main as main
