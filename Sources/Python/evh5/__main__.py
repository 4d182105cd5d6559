"""`python -m evh5 ...` is `evh5 ...`: for venvs whose scripts are not in PATH."""
from __future__ import annotations

import os
import sys

from ._command import Error, find


def main() -> None:
    try:
        binary = find()
        os.execv(binary, [binary, *sys.argv[1:]])
    except Error as problem:
        print(f"evh5: {problem}", file=sys.stderr)
        sys.exit(problem.code)
    except OSError as problem:
        print(f"evh5: cannot run '{binary}': {problem.strerror}", file=sys.stderr)
        sys.exit(126)


if __name__ == "__main__":
    main()
