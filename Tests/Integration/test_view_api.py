"""What the page asks, by HTTP: against numpy, against `evh5 preview`, and with what h5py added through a mount."""
import io
import json
import os
import urllib.parse

import h5py
import numpy as np
import pytest
from PIL import Image

from toolbox import encoders, scenes
from toolbox.serving import View, of_mount

EVENTS = scenes.raw_events("evt3", scenes.scene(count=30_000, seed=5))


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recordings")
    (folder / "day").mkdir()
    encoders.write(folder / "day/a.raw", "evt3", EVENTS)
    boxes = np.zeros(4, [("t", "<u8"), ("x", "<f4"), ("y", "<f4"), ("w", "<f4"), ("h", "<f4"), ("class_id", "u1"), ("track_id", "<u4"), ("class_confidence", "<f4")])
    boxes["t"], boxes["x"], boxes["class_id"], boxes["class_confidence"] = [10_000, 10_000, 60_000, 110_000], [1, 2, 3, 4], [0, 1, 0, 9], 0.5
    np.save(folder / "day/a_bbox.npy", boxes)
    (folder / "label_map_dictionary.json").write_text(json.dumps({"0": "car", "1": "bike"}))
    return folder


@pytest.fixture
def view(evh5, source):
    """ask(name, **query) -> JSON or bytes; `status` is what must come back."""
    server = View(evh5, source)

    def ask(name, status=200, **query):
        got, headers, body = server.ask(f"/.evh5/api/{name}?" + urllib.parse.urlencode(query))
        assert got == status, body[:500]
        return json.loads(body) if headers["content-type"] == "application/json" else (headers, body)

    ask.server = server
    yield ask
    server.stop()


def picture(view, **query):
    return np.asarray(Image.open(io.BytesIO(view("picture", **query)[1])).convert("RGB"))


FILES = ["histo/50ms/day/a.h5", "diff/50ms/day/a.h5", "timesurface/20ms/day/a.h5", "event_cube,num_utbins=3/50ms/day/a.h5", "voxel_grid/50ms/day/a.h5",
         "stacked_histogram/50ms/day/a.h5", "histo,dtype=uint8/2000ev/day/a.h5", "multi_channel_timesurface/50ms/day/a.h5"]


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("width", [64, 30, 200])
def test_pictures_are_the_cells_of_preview(evh5, view, source, tmp_path, file, width):
    preprocess, window = file.split("/")[:2]
    done = evh5.run("preview", source / "day/a.raw", "--preprocess", preprocess, "--window", window, "--width", str(width), "-o", tmp_path / "sheet.png", "--json")
    told = json.loads(done.stdout)["files"][0]
    sheet = np.asarray(Image.open(tmp_path / "sheet.png").convert("RGB"))
    for cell in told["cells"]:
        x, y, w, h = (cell[key] for key in ("x", "y", "width", "height"))
        assert np.array_equal(picture(view, file=file, frame=cell["frame"], width=width), sheet[y:y + h, x:x + w])
    assert np.allclose(view("scale", file=file, width=width)["limits"], told["limits"], rtol=1e-6)


@pytest.mark.parametrize("file", FILES)
def test_values_are_those_of_the_file(view, file, mount, source):
    with h5py.File(mount(source) / file) as mounted:
        data = mounted["data"]
        told = view("tensor", file=file)
        assert told["shape"] == list(data.shape) and told["dtype"] == data.dtype.name and len(told["channels"]) == data.shape[1]
        for frame, x, y in [(0, 0, 0), (1, 33, 24), (2, 63, 47)]:
            values = view("values", file=file, frame=frame, x=x, y=y)["values"]
            assert np.array_equal(np.array(values, data.dtype), data[frame, :, y, x])


def test_rates_are_counted(view):
    shifted = encoders.shifted("evt3", EVENTS)["t"]
    told = view("recording", path="day/a.raw")
    assert (told["events"], told["begin_us"], told["end_us"]) == (len(shifted), shifted.min(), shifted.max())
    rate = view("rate", path="day/a.raw", bins=50)
    assert rate["exact"]
    edges = rate["begin_us"] + np.arange(51) * (rate["end_us"] - rate["begin_us"]) / 50
    assert rate["counts"] == np.histogram(shifted, np.ceil(edges))[0].tolist()


def test_boxes_have_names(view):
    boxes = view("labels", path="day/a.raw", start=0, end=100_000)["boxes"]
    assert [(box["t"], box["x"], box["class"]) for box in boxes] == [(10_000, 1, "car"), (10_000, 2, "bike"), (60_000, 3, "car")]
    assert view("labels", path="day/a.raw", start=100_000, end=200_000)["boxes"][0]["class"] == "class 9"
    assert view("label_times", path="day/a.raw")["t"] == [10_000, 60_000, 110_000]
    assert view("recording", path="day/a.raw")["classes"] == ["car", "bike"]


def test_what_was_added_is_drawn(evh5, mount, source, store):
    where = mount(source, "--sidecars", store, "--http", "127.0.0.1:0")
    server = of_mount(where)
    file = "histo/50ms/day/a.h5"

    def ask(name, **query):
        status, _, body = server.ask(f"/.evh5/api/{name}?" + urllib.parse.urlencode(query))
        return status, json.loads(body)

    before = ask("tensor", file=file)[1]
    count = before["shape"][0]
    score, late = np.sin(np.arange(count)).astype("f4"), np.arange(10_000)[::-1].copy()
    with h5py.File(where / file, "r+") as opened:
        opened["score"] = score
        opened["flag"] = np.arange(count) % 2 == 0
        opened.create_dataset("features/late", data=late, compression="gzip", chunks=(1000,))
        opened["table"] = np.zeros((count, 3))
    after = ask("tensor", file=file)[1]
    assert before["datasets"] == [] and after["version"] != before["version"]
    assert {one["path"]: one["kind"] for one in after["datasets"]} == {"/score": "series", "/flag": "series", "/features/late": "other", "/table": "other"}
    assert np.array_equal(np.array(ask("series", file=file, dataset="/score")[1]["values"], "f4"), score)
    assert ask("series", file=file, dataset="flag")[1]["values"] == [1 - i % 2 for i in range(count)]
    thinned = ask("series", file=file, dataset="/features/late", points=100)[1]
    parts = late.reshape(100, 100)
    assert thinned["count"] == 10_000 and thinned["minimum"] == parts.min(1).tolist() and thinned["maximum"] == parts.max(1).tolist()
    assert ask("series", file=file, dataset="/table")[0] == 404
    assert ask("picture", file=file, frame=0, v=before["version"])[0] == 409


def test_triggers(evh5, tmp_path):
    after = [(100 + 700 * i, i % 3, i % 2) for i in range(20)]  # number of an event whose time it has, channel, edge
    encoders.write(tmp_path / "a.raw", "evt3", EVENTS, triggers=[(int(EVENTS["t"][number]), id, p) for number, id, p in after])
    server = View(evh5, tmp_path)
    try:
        told = json.loads(server.ask("/.evh5/api/triggers?path=a.raw")[2])
        times = encoders.shifted("evt3", EVENTS)["t"]
        assert list(zip(told["t"], told["id"], told["p"])) == [(times[number], id, p) for number, id, p in after] and not told["more"]
    finally:
        server.stop()


def test_a_stretch_as_a_file(view):
    file = "histo/20ms/day/a.h5"
    headers, body = view("export", file=file, first=2, last=8, step=3, fps=25)
    film = Image.open(io.BytesIO(body))
    assert film.n_frames == 3 and 'filename="a_histo_20ms_2-8.png"' in headers["content-disposition"]
    for number, frame in enumerate((2, 5, 8)):
        film.seek(number)
        assert np.array_equal(np.asarray(film.convert("RGB")), picture(view, file=file, frame=frame))
        assert film.info["duration"] == 40
    formats = view("exports")
    for format in ("gif", "mp4"):
        if format in formats["formats"]:
            headers, body = view("export", file=file, first=0, last=9, format=format)
            assert body[:3] == b"GIF" if format == "gif" else body[4:8] == b"ftyp"
            if format == "gif":
                assert Image.open(io.BytesIO(body)).size == (64, 48)
        else:
            assert "ffmpeg" in formats["missing"][format]
            assert "ffmpeg" in view("export", status=501, file=file, first=0, format=format)["error"]["message"]


@pytest.mark.parametrize("script", ["echo no such codec >&2; exit 3", "head -c 100 >/dev/null; echo no such codec >&2; exit 3"])
def test_an_ffmpeg_that_fails_is_quoted(evh5, source, tmp_path, script):
    (tmp_path / "ffmpeg").write_text(f"#!/bin/sh\n{script}\n")
    (tmp_path / "ffmpeg").chmod(0o755)
    server = View(evh5, source, prefix=["env", f"PATH={tmp_path}:{os.environ['PATH']}"])
    try:
        for _ in range(2):
            status, _, body = server.ask("/.evh5/api/export?file=histo/1ms/day/a.h5&first=0&last=199&format=mp4")
            assert status == 500 and "no such codec" in json.loads(body)["error"]["message"], body
        assert server.ask("/.evh5/api/picture?file=histo/1ms/day/a.h5&frame=0")[0] == 200
    finally:
        server.stop()


def test_wrong_questions_get_reasons(view):
    for name, status, query in [
        ("nothing", 404, {}), ("tree", 404, {"path": ".."}), ("tree", 404, {"path": "/etc"}), ("recording", 404, {"path": "day/../day/a.raw"}),
        ("picture", 404, {"file": "histo/50ms/day/a.h5", "frame": 10**12}), ("picture", 400, {"file": "histo/50ms/day/a.h5", "frame": 10**30}),
        ("picture", 400, {"file": "histo/50ms/day/a.h5", "frame": 0, "width": 10**9}), ("rate", 400, {"path": "day/a.raw", "bins": 10**9}),
        ("series", 404, {"file": "histo/50ms/day/a.h5", "dataset": "/x"}), ("tensor", 404, {"file": "day/a_bbox.npy"}), ("search", 400, {}),
        ("spell", 400, {"preprocessing": "hist", "window": "50ms"}), ("values", 400, {"file": "histo/50ms/day/a.h5", "frame": 0, "x": 64, "y": 0}),
    ]:
        error = view(name, status=status, **query)["error"]
        assert error["code"] and len(error["message"]) > 10, (name, query)
    assert "did you mean 'histo'?" in view("spell", status=400, preprocessing="hist", window="50ms")["error"]["message"]
