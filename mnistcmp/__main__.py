"""`python -m mnistcmp` is the command `mnistcmp`."""

import sys

if __name__ == "__main__":
    if not sys.flags.safe_path:
        # The working folder comes first, and may have files named as modules of Python's own.
        sys.path.append(sys.path.pop(0))
    from mnistcmp.cli import main

    main()
