"""How preprocessings of users' own are registered, and that other commands than mount know them."""
import os
import signal
import sys
import textwrap
import time

import h5py
import numpy as np
import pytest

from toolbox.users import EXAMPLES, calls, compiled, own, read


def test_the_config_file(mount, library, module, tmp_path):
    package = module / "tools"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "helper.py").write_text("SCALE = 4\n")
    (package / "frames.py").write_text(textwrap.dedent("""
        from .helper import SCALE
        class Frames:
            @staticmethod
            def scaled(events, tensor, delta_t, downsampling_factor=0, reset=False, factor=1.0):
                tensor[...] = SCALE * factor
    """))
    config = tmp_path / "mount.yaml"
    config.write_text(textwrap.dedent(f"""
        python: {sys.executable}
        preprocessing-workers: 1
        preprocessings:
          histo10: histo,max_incr_per_pixel=10
          mine: {{python: "my_module:weighted", path: code, channels: 3, kwargs: {{threshold: 3, decay: 0.5}}, timeout: 30s, summary: my own}}
          same:
            python: my_module:weighted
            path: code/my_module.py
            channels: 3
            kwargs:
              threshold: 1
          mine5: mine,threshold=5
          packaged: {{python: "tools.frames:Frames.scaled", path: {module}, channels: 1, kwargs: {{factor: 2.0}}}}
          mean: {{native: {compiled(tmp_path, EXAMPLES / 'mean_time.c').name}, kwargs: {{least: 2}}}}
    """))
    m = mount(library, "--config-file", config, "--cache", tmp_path / "cache", "--register", "more=mine5,decay=2")
    assert set(os.listdir(m.point)) > {"histo10", "mine", "same", "mine5", "packaged", "mean", "more"}
    assert np.array_equal(read(m, "mine5/50ms"), read(m, "mine,threshold=5/50ms"))
    assert np.array_equal(read(m, "more/50ms"), read(m, "mine,decay=2,threshold=5/50ms"))
    assert (read(m, "packaged/50ms") == 8).all() and (read(m, "packaged,factor=0.5/50ms") == 2).all()
    with h5py.File(m / "mean/50ms/evt3.h5") as file:
        assert file["data"].attrs["least"] == 2 and file["data"].attrs["power"] == 1.0
    assert read(m, "same/50ms").shape[1] == 3


@pytest.mark.parametrize("register, said", [
    ("mine=python:{module}/nothing.py:f,channels=1", "cannot read '{module}/nothing.py'"),
    ("mine=python:no_such_module:f,channels=1", "there is no module 'no_such_module'"),
    ("mine=python:{module}/my_module.py:nothing,channels=1", "has no 'nothing'"),
    ("mine=python:{module}/my_module.py:HERE,channels=1", "is no function"),
    ("mine=python:{module}/my_module.py:behaving,channels=1,foo=3", "cannot be called as behaving(events, tensor, delta_t, downsampling_factor=..., reset=..., foo=...)"),
    ("mine=python:{module}/my_module.py:weighted", "say how many channels its tensor has"),
    ("mine=python:{module}/my_module.py:weighted,channels=0", "channels are a number from 1 to 1024"),
    ("mine=python:{module}/my_module.py:weighted,channels=1,dtype=complex64", "types are float32, uint8, int8"),
    ("mine=python:{module}/my_module.py:weighted,channels=1,dtype=int8,fractions=true", "fractions=true is for float32"),
    ("mine=python:{module}/my_module.py:weighted,channels=1,timeout=soon", "a timeout is a time such as 30s"),
    ("mine=python:{module}/my_module.py:weighted,channels=1,delta_t=3", "a parameter cannot be called \"delta_t\""),
    ("mine=python:{module}/my_module.py,channels=1", "is not of the form module:function"),
    ("mine=python:{module}/broken.py:f,channels=1", "SyntaxError"),
    ("mine=python:{module}/raising.py:f,channels=1", "ZeroDivisionError"),
    ("mine=native:{module}/nothing.so", "cannot read '{module}/nothing.so'"),
    ("mine=native:{module}/my_module.py", "cannot load"),
    ("mine=native:{module}/libold.so", "is made for version 77 of evh5_preprocessing.h"),
    ("mine=native:{module}/libold.so:other", "has no symbol other"),
    ("mine=native:{module}/libold.so:nobody,nothing=3", "has no symbol nobody"),
    ("mine=native:{module}/libmean_time.so,foo=3", "the library has no parameter foo; it has least, power"),
    ("mine=native:{module}/libmean_time.so,least=2.5", "least=2.5: least must be an integer"),
    ("mine=native:{module}/libmean_time.so,channels=2", "are what the library says"),
    ("mine=nonsense", "there is no preprocessing \"nonsense\""),
    ("mine", "is not of the form name=preprocessing"),
    ("histo=python:{module}/my_module.py:weighted,channels=1", "\"histo\" is taken"),
])
def test_what_cannot_be_registered_cannot_be_mounted(evh5, library, module, tmp_path, register, said):
    (module / "broken.py").write_text("def f(:\n")
    (module / "raising.py").write_text("1 / 0\n")
    (module / "old.c").write_text("#include <evh5_preprocessing.h>\nEVH5_PREPROCESSING = {.abi = 77};\n")
    compiled(module, module / "old.c", "-Wno-missing-field-initializers")
    compiled(module, EXAMPLES / "mean_time.c")
    point = tmp_path / "point"
    point.mkdir()
    done = evh5.run("mount", library, point, "--register", register.format(module=module), "--python", sys.executable)
    assert done.returncode == 64 and said.format(module=module) in done.stderr, done.stderr
    assert not os.path.ismount(point)


@pytest.mark.parametrize("python, said", [("/nowhere/python", "cannot start /nowhere/python: No such file or directory"), ("{here}/python", "numpy cannot be imported by")])
def test_a_python_that_will_not_do(evh5, library, module, tmp_path, python, said):
    wrapper = tmp_path / "python"
    wrapper.write_text(f"#!/bin/sh\nexec {sys.executable} -I -S \"$@\"\n")
    wrapper.chmod(0o755)
    (tmp_path / "point").mkdir()
    config = tmp_path / "c.yaml"
    config.write_text(f"python: {python.format(here=tmp_path)}\npreprocessings:\n  mine: {{python: 'my_module:weighted', path: code, channels: 3}}\n")
    done = evh5.run("mount", library, tmp_path / "point", "--config-file", config)
    assert done.returncode == 78 and said in done.stderr and len(done.stderr.strip().splitlines()) == 1, done.stderr


def test_generate(evh5, mount, library, module, tmp_path):
    """Real files with the same tensors and attributes; none of what a function failed at."""
    registered = [*own(module, "mine", "weighted", channels=3, threshold=3, decay=0.5), *own(module, "bad", "behaving", channels=1)[:2],
                  "--register", f"mean=native:{compiled(tmp_path, EXAMPLES / 'mean_time.c')}"]
    m = mount(library, *registered)
    for spec in ("mine", "mine,threshold=5,downsample=2", "mean,least=2", "mean,dtype=uint8"):
        out = tmp_path / spec
        evh5.run("generate", library / "evt3.raw", library / "evt2.raw", "-o", out, "--preprocess", spec, "--delta-t", "20ms", *registered, check=0)
        for name in ("evt3", "evt2"):
            with h5py.File(out / f"{name}.h5") as made, h5py.File(m / spec / "20ms" / f"{name}.h5") as virtual:
                assert made["data"].dtype == virtual["data"].dtype and made["data"][:].tobytes() == virtual["data"][:].tobytes()
                assert made["data"].attrs["preprocessing_version"] == virtual["data"].attrs["preprocessing_version"]
                assert set(made["data"].attrs) == set(virtual["data"].attrs)
    (module / "how").write_text("raise")
    done = evh5.run("generate", library / "evt3.raw", "-o", tmp_path / "none", "--preprocess", "bad", *registered, check=3)
    assert "LookupError: as told" in done.stderr and "my_module.py" in done.stderr and not list((tmp_path / "none").glob("*.h5"))
    evh5.run("generate", library / "evt3.raw", "-o", tmp_path / "none", "--register", "mine=python:nothing:f", check=64)


def test_generate_ends_while_a_function_hangs(evh5, library, module, tmp_path):
    (module / "how").write_text("hang")
    running = evh5.start("generate", library / "evt3.raw", "-o", tmp_path / "out", "--preprocess", "bad", *own(module, "bad", "behaving", channels=1, timeout="1000s"))
    try:
        while not (module / "hangs").exists():
            assert running.poll() is None
            time.sleep(0.05)
        running.send_signal(signal.SIGINT)
        assert running.wait(30) == -signal.SIGINT and not list((tmp_path / "out").glob("*.h5"))
    finally:
        running.kill()
        running.stdout.close()


def test_exporting_what_was_added(evh5, mount, library, module, tmp_path):
    config = tmp_path / "mount.yaml"
    config.write_text(f"python: {sys.executable}\nsidecars: {tmp_path / 'store'}\ncache: {tmp_path / 'cache'}\npreprocessings:\n"
                      "  mine: {python: 'my_module:weighted', path: code, channels: 3, kwargs: {threshold: 3, decay: 0.5}}\n")
    m = mount(library, "--config-file", config, "--sidecars", tmp_path / "store")
    with h5py.File(m / "mine,decay=2/50ms/evt3.h5", "r+") as file:
        file["added"] = [1, 2]
        expected = file["data"][:]
    m.stop()
    evh5.run("sidecar", "export", library / "evt3.raw", "--config-file", config, "--sidecars", tmp_path / "store", "-o", tmp_path / "out.h5", "--with-tensor", check=0)
    with h5py.File(tmp_path / "out.h5") as file:
        assert file["added"][:].tolist() == [1, 2] and np.array_equal(file["data"][:], expected)


def test_preview(evh5, library, module, tmp_path):
    done = evh5.run("preview", library / "evt3.raw", "-o", tmp_path / "out.png", "--preprocess", "mine,threshold=2", "--json",
                    *own(module, "mine", "weighted", channels=3, threshold=3, decay=0.5), check=0)
    assert "mine" in done.stdout and (tmp_path / "out.png").stat().st_size > 1000 and calls(module) == 8
