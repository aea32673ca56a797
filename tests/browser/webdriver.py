"""A headless Chromium, driven through chromedriver by the WebDriver protocol. Uses the standard
library only."""
import base64
import json
import pathlib
import shutil
import subprocess
import tempfile
import time
import urllib.request

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # The protocol's key of an element.


class Browser:
    """A browser to use as a context: leaving the context ends browser and driver, and removes their
    files."""

    def __init__(self, width=1200, height=900, scheme="light"):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="cprobe_browser_"))
        self.downloads = self.folder / "downloads"
        self.downloads.mkdir()
        log = open(self.folder / "driver.log", "w")
        # With port 0, the system chooses a free port, and the driver says which.
        self.driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, stderr=log, text=True)
        port = next(line.rsplit(" ", 1)[1].rstrip(".\n") for line in self.driver.stdout if "successfully on port" in line)
        self.address = f"http://127.0.0.1:{port}"
        arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
                     "--force-device-scale-factor=1", f"--user-data-dir={self.folder / 'profile'}",
                     f"--window-size={width},{height}"]
        if scheme == "dark":
            arguments.append("--force-dark-mode")
        preferences = {"download.default_directory": str(self.downloads),
                       # Allows more than one download without asking.
                       "profile.default_content_setting_values.automatic_downloads": 1}
        options = {"args": arguments, "prefs": preferences}
        wanted = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        try:
            session = self.call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        except Exception:
            self.end_driver()
            raise
        self.session = f"/session/{session['sessionId']}"
        self.resize(width, height, scheme)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.call("DELETE", self.session)
        finally:
            self.end_driver()

    def end_driver(self):
        self.driver.terminate()
        self.driver.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def call(self, method, path, body=None):
        data = None if method in ("GET", "DELETE") else json.dumps(body or {}).encode()
        request = urllib.request.Request(self.address + path, data=data, method=method,
                                         headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{method} {path}: {json.load(error)['value']['message']}") from None

    def devtools(self, command, **parameters):
        return self.call("POST", self.session + "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def resize(self, width, height, scheme="light"):
        """Sets the size of the view that the page sees. Windows cannot be as narrow as
        telephones."""
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def open(self, path):
        self.call("POST", self.session + "/url", {"url": pathlib.Path(path).resolve().as_uri()})

    def run(self, script, *arguments):
        """The value that a script returns."""
        return self.call("POST", self.session + "/execute/sync", {"script": script, "args": list(arguments)})

    def wait_for(self, script, seconds=20):
        """Runs a script until its value is true, and returns the value."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            value = self.run(script)
            if value:
                return value
            time.sleep(0.05)
        raise AssertionError(f"not within {seconds} s: {script}")

    def find(self, selector):
        return self.call("POST", self.session + "/element", {"using": "css selector", "value": selector})[ELEMENT]

    def click(self, selector):
        self.run("document.querySelector(arguments[0]).scrollIntoView({block: 'center'})", selector)
        self.call("POST", f"{self.session}/element/{self.find(selector)}/click")

    def type(self, selector, text):
        self.call("POST", f"{self.session}/element/{self.find(selector)}/value", {"text": text})

    def console(self):
        """The messages since the last call."""
        return self.call("POST", self.session + "/se/log", {"type": "browser"})

    def screenshot(self, path, whole_page=False):
        if whole_page:
            size = self.devtools("Page.getLayoutMetrics")["cssContentSize"]
            image = self.devtools("Page.captureScreenshot", captureBeyondViewport=True,
                                  clip={"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1})["data"]
        else:
            image = self.call("GET", self.session + "/screenshot")
        pathlib.Path(path).write_bytes(base64.b64decode(image))
