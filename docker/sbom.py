"""What an image is made of, as CycloneDX: its Python packages, and Debian's below them.

python docker/sbom.py PYTHON FILE
"""

import json
import subprocess
import sys
from pathlib import Path


def main(python: str, file: str) -> None:
    """Writes the components of this machine, and of the environment of `python`, into `file`."""
    tool = str(Path(sys.executable).with_name("cyclonedx-py"))
    subprocess.run([tool, "environment", "--output-reproducible", "-o", file, python], check=True)
    content = json.loads(Path(file).read_text(encoding="utf-8"))
    listed = subprocess.run(
        ["/usr/bin/dpkg-query", "--show", "--showformat=${Package} ${Version} ${Architecture}\n"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for line in listed.splitlines():
        name, version, architecture = line.split()
        package = f"pkg:deb/debian/{name}@{version}?arch={architecture}"
        content["components"].append(
            {"type": "library", "name": name, "version": version, "purl": package}
            | {"bom-ref": package}
        )
    Path(file).write_text(json.dumps(content, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
