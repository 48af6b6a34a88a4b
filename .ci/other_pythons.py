"""Start the desk under the other Pythons of this machine: each gets an environment once, in
.venv-VERSION, and the tests of tests/cli/test_starts.py run the command in it.

A Python that is not there, or cannot get what cachedesk needs within the time, is named and left
out: it is not this machine's.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
VERSIONS = ("3.11", "3.12", "3.13", "3.14")
INSTALL_SECONDS = 600
TEST_SECONDS = 1_200


def main() -> int:
    """Return the exit status of the tests; 0 when there is no other Python."""
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    found = [python for version in VERSIONS if version != own and (python := prepared(version))]
    if not found:
        print("no other Python here")
        return 0
    command = [sys.executable, "-m", "pytest", "tests/cli/test_starts.py"]
    variables = {**os.environ, "CACHEDESK_PYTHONS": os.pathsep.join(found)}
    return subprocess.run(command, cwd=ROOT, env=variables, timeout=TEST_SECONDS).returncode


def prepared(version: str) -> str:
    """Return an interpreter of this version that can run cachedesk; empty when there is none."""
    folder = ROOT / f".venv-{version}"
    python = folder / "bin" / "python"
    if runs(str(python), version):
        return str(python)
    base = base_of(version)
    if not base:
        return ""
    print(f"Python {version}: making {folder.name}", flush=True)
    try:
        subprocess.run([base, "-m", "venv", "--clear", folder], check=True, timeout=INSTALL_SECONDS)
        install = [python, "-m", "pip", "install", "-q", "-e", f"{ROOT}[serve]"]
        subprocess.run(install, check=True, timeout=INSTALL_SECONDS)
    except (subprocess.SubprocessError, OSError) as error:
        print(f"Python {version} is left out: {error}", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        return ""
    return str(python)


def base_of(version: str) -> str:
    """Return the interpreter of this version on PATH, or the newest one that pyenv has."""
    candidates = [f"python{version}"]
    if shutil.which("pyenv"):
        listed = output("pyenv", "versions", "--bare").split()
        candidates += [
            f"{output('pyenv', 'prefix', name).strip()}/bin/python"
            for name in reversed(listed)
            if name.startswith(f"{version}.")
        ]
    return next((each for each in candidates if runs(each, version)), "")


def runs(python: str, version: str) -> bool:
    """Return whether this is an interpreter of the version; a shim may name one that is not."""
    return (
        output(python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])") == f"{version}\n"
    )


def output(*line: str) -> str:
    """Return what a command prints; empty when it fails."""
    try:
        return subprocess.run(line, capture_output=True, text=True, timeout=60, check=True).stdout
    except (subprocess.SubprocessError, OSError):
        return ""


if __name__ == "__main__":
    sys.exit(main())
