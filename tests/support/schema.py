"""Writes the JSON Schema of study files that ships with the package.

python -m tests.support.schema    writes the file; a test holds it against the models
"""

from pathlib import Path

from mnistcmp.study import schema

FILE = Path(schema.__file__).with_name(schema.FILE)

if __name__ == "__main__":
    FILE.write_text(schema.schema_text(), encoding="utf-8")
