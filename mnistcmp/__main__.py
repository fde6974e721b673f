"""`python -m mnistcmp` is the command `mnistcmp`."""

from mnistcmp.cli import main

if __name__ == "__main__":
    main()
