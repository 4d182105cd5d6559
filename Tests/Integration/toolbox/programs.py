"""Other programs: Python processes that do one step after the other as a test tells them, and can be killed in the middle."""
import ast
import contextlib
import os
import pathlib
import pickle
import re
import select
import signal
import struct
import subprocess
import sys
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent.parent
PATIENCE = 40  # seconds


class Failed(Exception):
    """A step raised an exception: its kind, errno (None when it has none) and text. Where one was raised while another was handled,
    as when h5py closes a file that cannot be written, it is the first one that has an errno."""

    def __init__(self, kind, errno, text, trace):
        super().__init__(f"{kind}: {text}\n{trace}")
        self.kind, self.errno, self.text = kind, errno, text


class Ended(Exception):
    """The program ended in the middle of a step."""


class Program:
    """A process with h5py and numpy (np) imported that runs steps: pieces of Python that share their names.

    With `locks=False`, HDF5_USE_FILE_LOCKING=FALSE. Use it as a context: leaving it kills what still runs."""

    def __init__(self, locks=True, prefix=(), **names):
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("EVH5", "HDF5"))}
        environment |= {} if locks else {"HDF5_USE_FILE_LOCKING": "FALSE"}
        self.process = subprocess.Popen([*prefix, sys.executable, "-m", "toolbox.programs"], cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        env=environment)
        self.begin("import h5py, numpy as np, os, errno, time", names)
        self.end()

    @property
    def pid(self):
        return self.process.pid

    def do(self, step, timeout=PATIENCE, **names):
        """Runs a step and returns the value of its last line when that is an expression (it must be picklable)."""
        self.begin(step, names)
        return self.end(timeout)

    def begin(self, step, names=None):
        send(self.process.stdin, (step, names or {}))

    def end(self, timeout=PATIENCE):
        """What the step that began last gives."""
        deadline = time.monotonic() + timeout
        if not select.select([self.process.stdout], [], [], timeout)[0]:
            raise AssertionError(f"a step did not end within {timeout} s")
        answer = receive(self.process.stdout)
        if answer is None:
            self.process.wait(max(1, deadline - time.monotonic()))
            raise Ended(f"the program ended: {self.process.returncode}")
        good, value = answer
        if not good:
            raise Failed(*value)
        return value

    def kill(self, number=signal.SIGKILL):
        """Kills it and waits until it is gone: all its files are closed then."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)
        return self.process.wait(PATIENCE)

    def leave(self):
        """Lets it end by itself."""
        self.process.stdin.close()
        code = self.process.wait(PATIENCE)
        self.process.stdout.close()
        return code

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(BrokenPipeError):
            if self.process.poll() is None:
                self.kill()
            self.process.stdin.close()
        self.process.stdout.close()


def send(file, value):
    data = pickle.dumps(value)
    file.write(struct.pack("<I", len(data)) + data)
    file.flush()


def receive(file):
    size = file.read(4)
    if len(size) < 4:
        return None
    data = file.read(struct.unpack("<I", size)[0])
    return pickle.loads(data)


def errno_of(problem):
    """The errno of an exception; h5py tells it in the text where it raises a RuntimeError."""
    while problem is not None:
        told = re.search(r"errno = (\d+)", str(problem))
        if number := getattr(problem, "errno", None) or told and int(told[1]):
            return number
        problem = problem.__context__
    return None


def run(step, names):
    """Executes a step; the value of its last line."""
    tree = ast.parse(step)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "step", "exec"), names)
    return eval(compile(ast.Expression(last.value), "step", "eval"), names) if last else None


def main():
    commands, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    names = {}
    while (command := receive(commands)) is not None:
        step, more = command
        names.update(more)
        try:
            answer = (True, run(step, names))
        except Exception as problem:
            answer = (False, (type(problem).__name__, errno_of(problem), str(problem), traceback.format_exc()))
        send(answers, answer)


if __name__ == "__main__":
    main()
