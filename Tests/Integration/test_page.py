"""The web page of `evh5 view` in a real browser: what it shows is what the files hold, by mouse, keyboard and touch, and it asks nobody else.

EVH5_SCREENSHOTS=<folder> keeps pictures of it."""
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
import urllib.parse

import h5py
import numpy as np
import pytest

from toolbox import encoders, scenes
from toolbox.browser import Browser, programs

pytestmark = pytest.mark.budget(150)

WIDTH, HEIGHT, DURATION = 96, 72, 20_000_000
GROUND, ON, OFF = np.array([18, 22, 30]), np.array([255, 190, 70]), np.array([70, 150, 255])
BOX = np.dtype([("ts", "<u8"), ("x", "<f4"), ("y", "<f4"), ("w", "<f4"), ("h", "<f4"), ("class_id", "u1"), ("track_id", "<u4"), ("class_confidence", "<f4")])
NAMES = {"0": "pedestrian", "1": "two wheeler", "2": "car"}
SERIES = "confidence"


def boxes():
    """Two boxes of two classes each 250 ms."""
    rows = [(t, 10 + 5 * k + t / 200_000, 12 + 20 * k, 24, 16, 2 * k, k + 1, 0.75) for t in range(250_000, DURATION, 250_000) for k in range(2)]
    return np.array(rows, BOX)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """train/street.raw with triggers, labels and names of classes, and some more recordings."""
    programs()
    folder = tmp_path_factory.mktemp("page")
    events = scenes.raw_events("evt3", scenes.scene(WIDTH, HEIGHT, DURATION, 400_000, seed=7))
    later = int(events["t"][0])
    put = [(later + 1_000_000 * k + 500_000, 0, k % 2) for k in range(6)]
    encoders.write(folder / "train/street.raw", "evt3", events, WIDTH, HEIGHT, triggers=put)
    np.save(folder / "train/street_bbox.npy", boxes())
    (folder / "train/label_map_dictionary.json").write_text(json.dumps(NAMES))
    for number in range(5):
        encoders.write(folder / f"val/night_{number}.dat", "dat", scenes.scene(seed=number))
    return folder


@pytest.fixture(scope="module")
def mounted(module_mount, folder):
    """The same files through a mount, with a value for each frame added to one."""
    where = module_mount(folder)
    with h5py.File(where / "histo/50ms/train/street.h5", "r+") as file:
        file[SERIES] = np.sin(np.arange(len(file["data"])) / 9).astype(np.float32)
    return where


class Server:
    """`evh5 view` of a folder; `address` has the token."""

    def __init__(self, evh5, folder, *arguments):
        self.process = evh5.start("view", folder, *arguments)
        said = []
        while line := self.process.stdout.readline().decode():
            said.append(line)
            if found := re.search(r"http://\S+", line):
                self.address = found.group()
                return
        raise AssertionError("evh5 view: " + "".join(said))

    @property
    def token(self):
        return urllib.parse.parse_qs(urllib.parse.urlsplit(self.address).query)["token"][0]

    @property
    def host(self):
        return urllib.parse.urlsplit(self.address).netloc

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        try:
            assert self.process.wait(10) == 0
        finally:
            self.process.kill()
            self.process.stdout.close()


@pytest.fixture(scope="module")
def server(evh5, folder, mounted):
    one = Server(evh5, folder)
    yield one
    one.stop()


@pytest.fixture
def visit(server):
    """visit(view, **of the browser) -> the page, with a link's view; at the end it must have said no error, and asked nobody but the server."""
    opened = []

    def visit(view="", **options):
        page = Browser(**options)
        opened.append(page)
        page.open(server.address + (f"#{view}" if view else ""))
        return page

    yield visit
    try:
        for page in opened:
            assert page.errors() == []
            assert page.hosts() - {"data", "blob"} <= {server.host}
    finally:
        for page in opened:
            page.driver.quit()


def keep(page, name):
    """A screenshot, for those who want to look at it."""
    where = os.environ.get("EVH5_SCREENSHOTS")
    return page.screenshot(pathlib.Path(where) / f"{name}.png" if where else None)


def copied(page, button):
    """What a button copies."""
    page.command("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
    page.button(button).click()
    page.wait("document.querySelector('#notices').textContent.includes('Copied')")
    return page.driver.execute_async_script("navigator.clipboard.readText().then(arguments[0], (error) => arguments[0](String(error)))")


def coloured(frame, limit):
    """Off and on events of (2, H, W) as the page is to draw them, by the text of `evh5 preview --help`."""
    share = np.minimum(1, frame.astype(np.float64) / limit) ** 0.7
    colours = GROUND + share[0][..., None] * (OFF - GROUND) + share[1][..., None] * (ON - GROUND)
    return np.clip(np.floor(colours + 0.5), 0, 255)


def limit_of(page, file):
    """The value of full colour."""
    script = "fetch(new URL('.evh5/api/scale?' + new URLSearchParams({file: arguments[0]}), location.href)).then((a) => a.json()).then(arguments[1])"
    return page.driver.execute_async_script(script, file)["limits"][0]


def equal_to_file(page, mounted):
    """The copied path, read by h5py, is what is seen."""
    number = page.settled()
    path = copied(page, "Copy path")
    assert path == page.state["file"]
    with h5py.File(mounted / path) as file:
        frame = file["data"][number]
    shown = page.pixels()
    assert shown.shape == (*frame.shape[1:], 3)
    assert frame.any()
    assert np.abs(shown.astype(int) - coloured(frame, limit_of(page, path))).max() <= 1
    return path, frame


def test_play_and_step(visit):
    page = visit()
    page.wait("document.querySelectorAll('[role=treeitem]').length >= 2")
    [train] = [one for one in page.find_all(".item-head") if one.text == "train"]
    train.click()
    page.wait("[...document.querySelectorAll('.item-name')].some((one) => one.textContent === 'street.raw')")
    [street] = [one for one in page.find_all(".item:not(.folder)") if one.text.startswith("street.raw")]
    assert f"{WIDTH}x{HEIGHT}" in street.text
    street.click()
    assert page.settled() == 0
    assert page.state["file"] == "histo/50ms/train/street.h5"
    before = page.state["framesDrawn"]
    page.button("Play (Space)").click()
    time.sleep(5)
    playing = page.state
    page.button("Pause (Space)").click()
    assert playing["isPlaying"] and not page.state["isPlaying"], playing
    assert playing["framesDrawn"] - before > 10
    # As fast as the recording, whatever was drawn: 5 s are 100 frames of 50 ms. No test of how fast this machine is.
    assert 20 < page.state["wanted"] < 399
    assert page.state["pictures"]["mostFlying"] <= 2
    number = page.settled()
    page.button("A frame on (Right)").click()
    assert page.settled() == number + 1
    from selenium.webdriver.common.keys import Keys
    page.press(Keys.ARROW_LEFT, Keys.ARROW_LEFT)
    page.wait(f"evh5State.frame === {number - 1}")
    page.press(Keys.END)
    page.wait("evh5State.frame === evh5State.wanted && evh5State.frame > 390")
    page.press(Keys.HOME)
    page.wait("evh5State.frame === 0")


def test_nothing_is_fetched_twice(visit):
    page = visit("f=histo/50ms/train/street.h5&loop=0,500000&looping=1&speed=2")
    page.settled()
    page.press(" ")
    page.wait("evh5State.framesDrawn > 30")
    page.press(" ")
    page.settled()
    urls = [url for url in [*page.hosts(), *page.requests] if "/api/picture" in url]
    assert len(urls) >= 3 and len(urls) == len(set(urls))


def test_the_path_that_is_copied_holds_the_pixels(visit, mounted):
    page = visit("f=histo/50ms/train/street.h5&i=21")
    _, frame = equal_to_file(page, mounted)
    # The values of a pixel, where there are some.
    y, x = np.argwhere(frame.any(axis=0))[0]
    page.find(".stage").click()
    page.run("document.querySelector('.stage').focus()")
    page.press("c")
    at = page.wait("/x (\\d+) {2}y (\\d+)/.exec(document.querySelector('.values').textContent)?.slice(1)")
    from selenium.webdriver.common.keys import Keys
    page.press(*[Keys.ARROW_LEFT if x < int(at[0]) else Keys.ARROW_RIGHT] * abs(int(x) - int(at[0])), *[Keys.ARROW_UP if y < int(at[1]) else Keys.ARROW_DOWN] * abs(int(y) - int(at[1])))
    page.wait(f"document.querySelector('.values').textContent.startsWith('x {x}  y {y}')")
    told = [float(value.text.split()[-1]) for value in page.find_all(".values .value")[1:]]
    assert np.allclose(told, frame[:, y, x], rtol=1e-4)


def test_preprocessing_window_and_filters_by_controls(visit, mounted):
    page = visit("f=histo/50ms/train/street.h5&i=30")
    page.settled()
    page.choose("Preprocessing", "timesurface")
    page.wait("evh5State.file === 'timesurface/50ms/train/street.h5'")
    equal_to_file(page, mounted)
    page.button("100ms").click()
    page.wait("evh5State.file === 'timesurface/100ms/train/street.h5'")
    # The time stays.
    assert page.settled() == 15
    equal_to_file(page, mounted)
    page.choose("Preprocessing", "histo")
    page.wait("evh5State.file === 'histo/100ms/train/street.h5'")
    page.run("for (const one of document.querySelectorAll('#settings details')) one.open = true")
    page.choose("polarity", "on")
    page.wait("evh5State.file === 'histo,polarity=on/100ms/train/street.h5'")
    region = page.labelled("roi")
    region.send_keys("8+4+64x48")
    page.wait("evh5State.file.startsWith('histo,') && evh5State.file.includes('roi=8+4+64x48')")
    _, frame = equal_to_file(page, mounted)
    assert frame.shape == (2, 48, 64) and not frame[0].any()
    page.choose("Window", "Number of events")
    page.wait("evh5State.file.includes('/10000ev/')")
    assert page.settled() >= 0


def test_a_wrong_name_is_said_where_it_was_written(visit):
    page = visit("f=histo/50ms/train/street.h5&i=3")
    page.settled()
    from selenium.webdriver.common.keys import Keys
    path = page.find(".path")
    path.clear()
    path.send_keys("hist/50ms", Keys.ENTER)
    page.wait("document.querySelector('.path').getAttribute('aria-invalid') === 'true'")
    note = page.find("#" + path.get_attribute("aria-describedby"))
    assert "histo" in note.text
    note.find_element("tag name", "button").click()
    page.wait("document.querySelector('.path').value === 'histo/50ms' && !document.querySelector('.path').hasAttribute('aria-invalid')")
    assert page.state["file"] == "histo/50ms/train/street.h5"
    # A parameter.
    path.clear()
    path.send_keys("histo,dowsample=2/50ms", Keys.ENTER)
    page.wait("document.querySelector('.field-note.wrong')?.textContent.includes('downsample')")
    page.button("Use downsample").click()
    page.wait("evh5State.file === 'histo,downsample=2/50ms/train/street.h5'")
    # The browser's own line about a refused request is no error of the page.
    assert all("404" in line or "400" in line for line in page.errors())
    page.console.clear()


def test_boxes_and_an_added_dataset(visit, mounted):
    page = visit("f=histo/50ms/train/street.h5&i=39&boxes=frame")
    page.settled()
    # Labels of the frame's end, 2.0 s, of two classes.
    page.wait("evh5State.boxes === 2")
    label = page.wait("/boxes: (.*)/.exec(document.querySelector('.stage').getAttribute('aria-label'))?.[1]")
    assert label.split(", ") == ["pedestrian #1 0.75", "car #2 0.75"]
    assert [one.text for one in page.find_all(".classes li")] == list(NAMES.values())
    with_boxes = keep(page, "boxes")
    page.choose("Boxes", "Not shown")
    page.wait("evh5State.boxes === 0")
    without = page.screenshot()
    # Where the boxes of the sensor are on the page, lines were drawn.
    spot = page.run("const box = document.querySelector('canvas.frame').getBoundingClientRect(); return [box.left, box.top, box.width]")
    scale = spot[2] / WIDTH
    for box in boxes()[boxes()["ts"] == 2_000_000]:
        y = int(spot[1] + (box["y"] + box["h"]) * scale)
        x = slice(int(spot[0] + (box["x"] + 2) * scale), int(spot[0] + (box["x"] + box["w"] - 2) * scale))
        assert (with_boxes[y - 2:y + 3, x] != without[y - 2:y + 3, x]).any(axis=(0, 2)).all()
    [check] = [one for one in page.find_all("label") if one.text == f"/{SERIES}"]
    check.click()
    page.wait("document.querySelector('.lane-value')?.textContent")
    with h5py.File(mounted / "histo/50ms/train/street.h5") as file:
        value = float(file[SERIES][39])
    assert float(page.text(".lane-value").split()[0]) == pytest.approx(value, rel=1e-4)
    lane = page.run("const c = document.querySelector('.lane-canvas'); return [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data].filter((v, i) => i % 4 === 3 && v > 0).length")
    assert lane > 500


def test_two_tensors_in_step_and_channels_side_by_side(visit, mounted):
    page = visit("f=histo/50ms/train/street.h5&i=20&b=diff/100ms&layout=side")
    page.settled()
    page.wait("evh5State.second && evh5State.second.frame === 10")
    shown = page.pixels()
    assert shown.shape[0] == HEIGHT and shown.shape[1] >= 2 * WIDTH
    with h5py.File(mounted / page.state["file"]) as file:
        frame = file["data"][20]
    # Each channel by itself: bright where it has events.
    for channel, left in ((0, 0), (1, shown.shape[1] - WIDTH)):
        tile = shown[:, left:left + WIDTH].astype(int)
        assert np.array_equal(np.abs(tile - GROUND).max(axis=2) > 3, frame[channel] > 0)
    from selenium.webdriver.common.keys import Keys
    page.press(*[Keys.ARROW_RIGHT] * 2)
    page.wait("evh5State.frame === 22 && evh5State.second.frame === 11")
    keep(page, "compare")


def test_a_link_is_exactly_this_view(visit):
    view = "f=histo,downsample=2/50ms/train/street.h5&i=33&b=diff/100ms&channels=1&boxes=off&z=2.5,0.4,0.6&span=1000000,3000000&loop=1200000,2400000&looping=1&speed=0.5"
    first = visit(view)
    first.settled()
    first.wait("evh5State.second && evh5State.second.frame >= 0 && location.hash.includes('z=2.5')")
    link = copied(first, "Link")
    assert link.partition("#")[2] == view
    second = visit(link.partition("#")[2])
    second.settled()
    assert np.array_equal(first.pixels(), second.pixels()) and np.array_equal(first.pixels(1), second.pixels(1))
    assert second.run("return document.querySelector('canvas.frame').style.transform") == first.run("return document.querySelector('canvas.frame').style.transform")
    # The token is the cookie's, not the link's.
    assert "token" not in link


def test_copied_python_reads_the_frame(visit, server, mounted, tmp_path):
    pytest.importorskip("fsspec")
    page = visit("f=histo/50ms/train/street.h5&i=12&channels=1")
    page.settled()
    with h5py.File(mounted / "histo/50ms/train/street.h5") as file:
        frame = file["data"][12, [1]]
    over_http, on_mount = copied(page, "Python over HTTP"), copied(page, "Python on a mount")
    for program in (over_http, re.sub(r'mount = ".*', f'mount = "{mounted.point}"', on_mount)):
        out = tmp_path / "frame.npy"
        run = subprocess.run([sys.executable, "-c", f"{program}\nimport numpy\nnumpy.save({str(out)!r}, frame)"], env=os.environ | {"EVH5_TOKEN": server.token}, capture_output=True, text=True, timeout=60)
        assert run.returncode == 0, program + run.stderr
        assert np.array_equal(np.load(out), frame)
        out.unlink()


def test_by_keyboard_alone(visit):
    from selenium.webdriver.common.keys import Keys

    page = visit()
    page.wait("document.querySelectorAll('[role=treeitem]').length >= 2")
    page.press("/")
    page.press("night_3")
    page.wait("document.querySelectorAll('[role=treeitem]').length === 1")
    page.press(Keys.ARROW_DOWN, Keys.ENTER)
    assert page.settled() == 0 and page.state["file"] == "histo/50ms/val/night_3.h5"
    page.press("]", "]", " ")
    page.wait("evh5State.framesDrawn > 1")
    page.press("?")
    page.wait("document.querySelector('dialog[open]')?.textContent.includes('Keyboard')")
    page.press(Keys.ESCAPE)
    page.wait("!document.querySelector('dialog[open]')")
    # Everything that Tab reaches has a name and a visible focus.
    seen = set()
    for _ in range(80):
        page.press(Keys.TAB)
        told = page.run("""
            const e = document.activeElement; if (e === document.body) return null
            const name = e.getAttribute("aria-label") || (e.getAttribute("aria-labelledby") && "named") || e.labels?.[0]?.textContent || e.textContent
            const style = getComputedStyle(e.matches(".folder") ? e.querySelector(".item-head") : e)
            return [e.tagName + "#" + e.id + "." + e.className + name.trim().slice(0, 30), name.trim(), style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1]""")
        if told is None:
            continue
        assert told[1] and told[2], told
        seen.add(told[0])
    assert len(seen) > 25


def test_saved_frames(visit, mounted, tmp_path):
    page = visit("f=histo/50ms/train/street.h5&i=12")
    page.settled()
    page.command("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    page.button("Export").click()
    page.wait("document.querySelector('dialog[open]')?.textContent.includes('Save frames')")
    page.button("Only this frame").click()
    page.button("Save").click()
    page.wait("document.querySelector('dialog[open] [role=status]').textContent.startsWith('Saved ')")
    deadline = time.monotonic() + 10
    while not (found := list(tmp_path.glob("*.png"))) and time.monotonic() < deadline:
        time.sleep(0.05)
    from PIL import Image
    assert np.array_equal(np.asarray(Image.open(found[0]).convert("RGB")), page.pixels())


def test_a_recording_that_changes_is_read_again(visit, folder):
    path = folder / "val/night_4.dat"
    page = visit("f=histo/50ms/val/night_4.h5&i=2")
    page.settled()
    before, version = page.pixels(), page.state["version"]
    encoders.write(path, "dat", scenes.scene(seed=40))
    page.run("document.dispatchEvent(new Event('visibilitychange'))")
    page.wait(f"evh5State.version !== {json.dumps(version)}")
    assert page.settled() == 2
    assert not np.array_equal(page.pixels(), before)


def test_a_server_that_goes_and_comes_back(evh5, folder, tmp_path):
    (tmp_path / "token").write_text("0123456789abcdef0123456789abcdef")
    (tmp_path / "token").chmod(0o600)
    one = Server(evh5, folder, "--token-file", tmp_path / "token")
    with Browser() as page:
        page.open(one.address.partition("?")[0] + "?token=0123456789abcdef0123456789abcdef#f=histo/50ms/train/street.h5")
        page.settled()
        one.stop()
        page.press("e")
        page.wait("document.querySelector('#notices').textContent.includes('does not answer')")
        again = Server(evh5, folder, "--token-file", tmp_path / "token", "--http", one.host)
        try:
            page.wait("!document.querySelector('#notices').textContent.includes('does not answer')")
            from selenium.webdriver.common.keys import Keys
            page.press(Keys.END)
            page.wait("evh5State.frame === evh5State.wanted && evh5State.frame > 100")
        finally:
            again.stop()


@pytest.mark.parametrize("dark", [True, False], ids=["dark", "light"])
@pytest.mark.parametrize("width", [1440, 390])
def test_how_it_looks(visit, width, dark):
    page = visit("f=histo/50ms/train/street.h5&i=39&series=/" + SERIES, width=width, height=900 if width > 1000 else 844, dark=dark, touch=width < 1000, scale=1 if width > 1000 else 2)
    page.settled()
    page.wait("document.querySelector('.lane-value')?.textContent && evh5State.boxes === 2")
    picture = keep(page, f"page-{width}-{'dark' if dark else 'light'}")
    assert page.run("return document.documentElement.scrollWidth <= innerWidth")
    corner = picture[3:20, 3:20].mean()
    assert corner < 60 if dark else corner > 200
    assert page.run("return getComputedStyle(document.documentElement).colorScheme") == ("dark" if dark else "light")
    # The frame, the transport and the timeline are seen without scrolling.
    for selector in (".stage", "#transport", ".timeline-canvas"):
        assert page.run("const box = document.querySelector(arguments[0]).getBoundingClientRect(); return box.top >= 0 && box.bottom <= innerHeight && box.width > 200", selector), selector
    # The switch.
    page.button("Colours: Auto").click()
    page.button("Colours: Dark").click()
    page.wait("document.documentElement.dataset.theme === 'light' && !evh5State.isStale")


def test_by_touch(visit):
    page = visit("f=histo/50ms/train/street.h5", width=390, height=844, touch=True, scale=2)
    page.settled()

    def touch(kind, *points):
        page.command("Input.dispatchTouchEvent", type=kind, touchPoints=[{"x": x, "y": y, "id": k} for k, (x, y) in enumerate(points)])

    left, top, width, height = page.run("const b = document.querySelector('.timeline-canvas').getBoundingClientRect(); return [b.left, b.top, b.width, b.height]")
    y = top + height / 3
    touch("touchStart", (left + 20, y))
    for step in range(10):
        touch("touchMove", (left + 20 + step * width / 20, y))
    touch("touchEnd")
    page.wait("evh5State.wanted > 40")
    page.settled()
    left, top, width, height = page.run("const b = document.querySelector('.stage').getBoundingClientRect(); return [b.left, b.top, b.width, b.height]")
    x, y = left + width / 2, top + height / 2
    touch("touchStart", (x - 30, y), (x + 30, y))
    for step in range(10):
        touch("touchMove", (x - 30 - 8 * step, y), (x + 30 + 8 * step, y))
    touch("touchEnd")
    page.wait("/z=[2-9]/.test(location.hash)")
    touch("touchStart", (x, y))
    touch("touchEnd")
    page.wait("/^x \\d+/.test(document.querySelector('.values').textContent)")
