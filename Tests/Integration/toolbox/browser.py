"""Chromium without a window, driven as a person would: the web page's tests look, click and press keys with it."""
import base64
import io
import json
import pathlib
import shutil
import time
import urllib.parse

import numpy as np
import pytest

PATIENCE = 30  # seconds, for what needs moments


def programs():
    """Chromium and its driver; skips where they are not installed."""
    chromium, driver = shutil.which("chromium") or shutil.which("chromium-browser"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("no chromium and chromedriver here: .ci/install-deps browser")
    return chromium, driver


class Browser:
    """One window of width x height CSS pixels, dark or light as the system would say."""

    def __init__(self, width=1440, height=900, dark=True, touch=False, scale=1):
        from selenium import webdriver

        chromium, driver = programs()
        options = webdriver.ChromeOptions()
        options.binary_location = chromium
        # Of root and in containers Chromium's own sandbox does not start.
        for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
                         "--disable-component-update", "--no-first-run", f"--window-size={width},{height}"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
        self.driver.set_script_timeout(PATIENCE)
        self.command("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=touch)
        if touch:
            self.command("Emulation.setTouchEmulationEnabled", enabled=True, maxTouchPoints=2)
        self.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        self.console, self.requests = [], []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.driver.quit()

    def command(self, name, **parameters):
        """A command of the DevTools protocol."""
        return self.driver.execute_cdp_cmd(name, parameters)

    def open(self, address):
        self.driver.get(address)

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    @property
    def state(self):
        """What the page tells of itself: `window.evh5State`."""
        return self.run("const told = {}; for (const key of Object.keys(Object.getOwnPropertyDescriptors(window.evh5State ?? {}))) told[key] = window.evh5State[key]; return told")

    def wait(self, condition, seconds=PATIENCE):
        """Until a JavaScript expression is true; its value."""
        deadline = time.monotonic() + seconds
        while True:
            if value := self.run(f"return {condition}"):
                return value
            assert time.monotonic() < deadline, f"not within {seconds} s: {condition}\n{json.dumps(self.state)}\n{self.text('#notices')}\n{self.errors()}"
            time.sleep(0.05)

    def settled(self):
        """Waits until the frame that is wanted is drawn, and gives its number."""
        self.wait("window.evh5State && evh5State.frame >= 0 && evh5State.frame === evh5State.wanted && !evh5State.isStale")
        return self.state["frame"]

    def find(self, selector):
        from selenium.webdriver.common.by import By

        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def find_all(self, selector):
        from selenium.webdriver.common.by import By

        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector):
        return self.run("return document.querySelector(arguments[0])?.textContent ?? null", selector)

    def button(self, text):
        """The visible button that says `text`, or is called so."""
        found = self.run("""
            const shown = (e) => e.checkVisibility() && [e.textContent.trim(), e.getAttribute("aria-label")].includes(arguments[0])
            return [...document.querySelectorAll("dialog[open] button"), ...document.querySelectorAll("button")].find(shown)""", text)
        assert found, f"no button {text!r}"
        return found

    def press(self, *keys):
        from selenium.webdriver.common.action_chains import ActionChains

        ActionChains(self.driver).send_keys(*keys).perform()

    def choose(self, label, text):
        """Another choice of the visible list that is called `label`."""
        from selenium.webdriver.support.ui import Select

        Select(self.labelled(label)).select_by_visible_text(text)

    def labelled(self, label):
        found = self.run("return [...document.querySelectorAll('label')].find((e) => e.checkVisibility() && e.textContent.trim() === arguments[0])?.control", label)
        assert found, f"no control {label!r}"
        return found

    def pixels(self, pane=0):
        """The frame as it is drawn, one pixel for one of the picture, (H, W, 3)."""
        url = self.run("return document.querySelectorAll('canvas.frame')[arguments[0]].toDataURL('image/png')", pane)
        return _decoded(url.partition(",")[2])

    def screenshot(self, path=None, whole=False):
        """The window, or with `whole` all of the page, (H, W, 3)."""
        more = {}
        if whole:
            size = self.command("Page.getLayoutMetrics")["cssContentSize"]
            more = {"captureBeyondViewport": True, "clip": {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}}
        data = self.command("Page.captureScreenshot", **more)["data"]
        if path:
            pathlib.Path(path).write_bytes(base64.b64decode(data))
        return _decoded(data)

    def errors(self):
        """All that the console has said so far: errors and warnings of scripts, of the content security policy, of missing files."""
        self.console += [entry["message"] for entry in self.driver.get_log("browser")]
        return list(self.console)

    def hosts(self):
        """host:port of everything that was asked for so far, and the schemes of what has no host."""
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] in ("Network.requestWillBeSent", "Network.webSocketCreated"):
                self.requests.append(message["params"].get("request", message["params"])["url"])
        parts = [urllib.parse.urlsplit(url) for url in self.requests]
        return {part.netloc or part.scheme for part in parts}


def _decoded(text):
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(base64.b64decode(text))).convert("RGB"))
