"""The process in which evh5 calls a preprocessing written in Python; evh5 holds this text and starts it, nobody else does.

Descriptor 3 is the connection to evh5, 4 the memory that both share, 5 a pipe that closes when evh5 ends, 6 this text. Every message from evh5 is
twelve int64 and a text of as many bytes as the last of them says; every answer is two int64 (0 or an error, the text's length) and a text."""
import fcntl
import importlib
import importlib.machinery
import importlib.util
import inspect
import json
import mmap
import os
import signal
import socket
import struct
import sys
import traceback

CONTROL, MEMORY, LIFELINE, SCRIPT = 3, 4, 5, 6
HEAD, ANSWER = struct.Struct("<12q"), struct.Struct("<2q")
FIND, LOAD, FRAME = range(3)
NAME = "evh5 preprocessing worker"


def die_with_evh5():
    """The kernel kills this process when evh5 ends, even if a function neither returns nor lets another thread run."""
    fcntl.fcntl(LIFELINE, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(LIFELINE, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(LIFELINE, fcntl.F_SETFL, fcntl.fcntl(LIFELINE, fcntl.F_GETFL) | os.O_ASYNC)


def be_first_to_go():
    """Where memory runs out, this process ends, not evh5; and nobody looks at the memory of one that crashed."""
    try:
        import resource
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")
    except (ImportError, OSError, ValueError):
        pass


def find(module, folder=None, **_):
    """The path of a module's source, without running it (but the packages that it is in)."""
    if folder:
        sys.path.insert(0, folder)
    spec = importlib.util.find_spec(module)
    if spec is None:
        raise ModuleNotFoundError(f"there is no module '{module}'{f' in {folder}' if folder else ''}")
    if not isinstance(spec.loader, importlib.machinery.SourceFileLoader):
        raise ImportError(f"'{module}' ({spec.origin}) is no Python source file; wrap its function in one")
    return os.path.abspath(spec.origin)


class HeldSource(importlib.machinery.SourceFileLoader):
    """Loads a module from the text that evh5 read when it was mounted, whatever its file holds by now."""

    def __init__(self, name, path, text):
        super().__init__(name, path)
        self.text = text

    def get_code(self, name):
        return self.source_to_code(self.text, self.path)

    def get_source(self, name):
        return self.text

    def get_data(self, path):
        return self.text.encode() if path == self.path else super().get_data(path)


def load(module, file, source, function, kwargs, folder=None, **_):
    """The function of a module."""
    if folder and folder not in sys.path:
        sys.path.insert(0, folder)
    parent = module.rpartition(".")[0]
    if parent:
        importlib.import_module(parent)
    import linecache
    linecache.cache[file] = len(source), None, source.splitlines(True), file  # tracebacks show what ran
    folders = [os.path.dirname(file)] if os.path.basename(file) == "__init__.py" else None
    spec = importlib.util.spec_from_file_location(module, file, loader=HeldSource(module, file, source), submodule_search_locations=folders)
    made = importlib.util.module_from_spec(spec)
    sys.modules[module] = made
    spec.loader.exec_module(made)
    if parent:
        setattr(sys.modules[parent], module.rpartition(".")[2], made)
    found = made
    for name in function.split("."):
        if not hasattr(found, name):
            raise AttributeError(f"{file} has no '{function}'")
        found = getattr(found, name)
    if not callable(found):
        raise TypeError(f"'{function}' in {file} is no function")
    check_signature(found, function, file, json.loads(kwargs))
    return found


def check_signature(found, function, file, kwargs):
    try:
        signature = inspect.signature(found)
    except (TypeError, ValueError):  # a compiled function need not have one
        return
    try:
        signature.bind(None, None, 1, downsampling_factor=0, reset=True, **kwargs)
    except TypeError as problem:
        raise TypeError(
            f"{function}{signature} in {file} cannot be called as {function}(events, tensor, delta_t, downsampling_factor=..., reset=..., "
            f"{', '.join(f'{name}=...' for name in kwargs)}): {problem}") from None


class Memory:
    """The shared memory as it is laid out for a frame."""

    def __init__(self):
        self.size = self.events = 0
        self.map = None

    def at(self, size, events):
        if size != self.size or events != self.events:
            # The old map goes with the last array that is in it.
            self.map = mmap.mmap(MEMORY, size)
            self.size, self.events = size, events
            fence(self.map, 0)
            fence(self.map, events - mmap.PAGESIZE)
        return self.map


def fence(memory, offset):
    """Makes a page unusable, so that code that runs into it ends here and not in something else. Where that cannot be done, evh5 still finds
    what was written around the tensor."""
    try:
        import ctypes
        address = ctypes.addressof(ctypes.c_char.from_buffer(memory, offset))
        ctypes.CDLL(None).mprotect(ctypes.c_void_p(address), ctypes.c_size_t(mmap.PAGESIZE), 0)
    except (ImportError, AttributeError, OSError):
        pass


def receive(connection, count):
    """`count` bytes; None when evh5 has closed the connection."""
    parts = bytearray()
    while len(parts) < count:
        part = connection.recv(count - len(parts))
        if not part:
            return None
        parts += part
    return bytes(parts)


def serve(connection):
    import_error = numpy = event = None
    try:
        import numpy
        event = numpy.dtype({"names": ["x", "y", "p", "t"], "formats": ["<u2", "<u2", "<i2", "<i8"], "offsets": [0, 2, 4, 8], "itemsize": 16})
    except Exception as problem:
        import_error = ImportError(f"numpy cannot be imported by {sys.executable or 'this python3'} ({problem}); install it there, or name another with --python")
    memory, function, dtype, parameters = Memory(), None, None, {}
    while True:
        head = receive(connection, HEAD.size)
        if head is None:
            return
        kind, size, tensor_at, events_at, count, channels, height, width, shift, duration, _, length = HEAD.unpack(head)
        text = receive(connection, length)
        if text is None:
            return
        status, answer = 0, ""
        try:
            if kind == FRAME:
                kwargs = parameters.get(text)
                if kwargs is None:
                    kwargs = parameters[text] = json.loads(text)
                shared = memory.at(size, events_at)
                events = numpy.ndarray((count,), event, shared, events_at)
                tensor = numpy.ndarray((1, channels, height, width), dtype, shared, tensor_at)
                function(events, tensor, duration, downsampling_factor=shift, reset=True, **kwargs)
                events = tensor = None
            else:
                if import_error:
                    raise import_error
                said = json.loads(text)
                if kind == FIND:
                    answer = find(**said)
                else:
                    dtype = numpy.dtype(said["dtype"]).newbyteorder("<")
                    function = load(**said)
        except BaseException as problem:
            # Without the frames of this file, which are not the user's.
            trace = problem.__traceback__
            while trace is not None and trace.tb_frame.f_code.co_filename in (NAME, "<frozen importlib._bootstrap>"):
                trace = trace.tb_next
            events = tensor = None
            status, answer = 1, "".join(traceback.format_exception(type(problem), problem, trace))
        answer = answer.encode("utf-8", "replace")[-65536:]
        connection.sendall(ANSWER.pack(status, len(answer)) + answer)


def main():
    die_with_evh5()
    be_first_to_go()
    for descriptor in (CONTROL, MEMORY, LIFELINE):
        os.set_inheritable(descriptor, False)
    os.close(SCRIPT)
    if sys.path and sys.path[0] == "":
        del sys.path[0]
    import faulthandler
    faulthandler.enable()
    faulthandler.register(signal.SIGUSR1, all_threads=True)  # evh5 asks so where a function hangs
    serve(socket.socket(fileno=CONTROL))


main()
