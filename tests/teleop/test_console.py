"""The whole chain: vehicle in the embedded simulator, web server, a real Chromium."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from teleop.recorder import verify

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE = 90.0  # s, for a machine that does other things too

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine"),
]


@dataclass
class Vehicle:
    """A running `ninefold teleop`."""

    process: subprocess.Popen[str]
    address: str
    codes: list[str]
    record: Path

    def ticks(self) -> list[dict[str, object]]:
        text = self.record.read_text()
        return [json.loads(line) for line in text[: text.rfind("\n")].splitlines()]

    def until(self, holds: Callable[[dict[str, object]], bool], again: Callable[[], None]) -> None:
        """Wait for a tick that holds, doing `again` now and then."""
        deadline = time.monotonic() + PATIENCE
        while not any(holds(tick) for tick in self.ticks()[-200:]):
            assert time.monotonic() < deadline, f"never came; last tick {self.ticks()[-1:]}"
            again()
            time.sleep(0.25)


@pytest.fixture(scope="module")
def vehicle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vehicle]:
    record = tmp_path_factory.mktemp("teleop") / "drive.jsonl"
    command = [sys.executable, "-m", "ninefold", "teleop", "--port", "0", "--driver", "truth"]
    process = subprocess.Popen(
        [*command, "--record", str(record)],
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        address, codes = "", []
        while not address:
            line = process.stdout.readline()
            assert line, "it ended before it listened"
            if line.startswith("one-time code:"):
                codes.append(line.split()[-1])
            if line.startswith("console:"):
                address = line.split()[-1]
        running = Vehicle(process, address, codes, record)
        running.until(lambda tick: True, nothing)
        yield running
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


def nothing() -> None:
    """Only wait."""


def test_a_wrong_code_opens_nothing(vehicle: Vehicle, browser: Browser) -> None:
    page = browser.new_page()
    page.goto(vehicle.address)
    page.fill("#code", "WRONG")
    page.click("#login button")
    page.wait_for_selector("#login-error:has-text('wrong code')")
    assert not page.is_visible("#desk")
    page.close()


def test_the_link_is_closed_to_whoever_did_not_log_in(vehicle: Vehicle) -> None:
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(vehicle.address + "link")


def test_the_vehicle_stands_until_an_operator_engages_it(vehicle: Vehicle) -> None:
    assert {tick["mode"] for tick in vehicle.ticks()} == {"standby"}
    assert all(abs(float(str(tick["speed"]))) < 0.5 for tick in vehicle.ticks())


def test_an_operator_watches_takes_over_drives_and_goes_silent(
    vehicle: Vehicle, browser: Browser
) -> None:
    page = browser.new_page(viewport={"width": 1000, "height": 640})
    page.goto(vehicle.address)
    page.fill("#code", vehicle.codes[0])
    page.click("#login button")
    page.wait_for_selector("#desk", state="visible")

    vehicle.until(lambda tick: tick["mode"] == "autonomy", lambda: page.keyboard.press("e"))
    vehicle.until(lambda tick: float(str(tick["speed"])) > 3.0, nothing)
    shot = cv2.imdecode(
        np.frombuffer(page.locator("#video").screenshot(timeout=1000 * PATIENCE), np.uint8), 1
    )
    assert shot.std() > 15  # a picture, not a constant

    page.keyboard.down("a")
    vehicle.until(
        lambda tick: tick["source"] == "operator" and float(str(tick["steer"])) > 0.005,
        lambda: drive_on(page),
    )
    page.keyboard.up("a")

    page.close()
    vehicle.until(lambda tick: tick["mode"] == "minimum_risk", nothing)
    vehicle.until(
        lambda tick: tick["mode"] == "minimum_risk" and abs(float(str(tick["speed"]))) < 0.1,
        nothing,
    )
    assert verify(vehicle.record) > 100


def drive_on(page: Page) -> None:
    """Ask for the controls again; a link that was slow for a moment refuses, or stops the car."""
    if page.get_attribute("body", "data-mode") != "remote":
        page.keyboard.press("c")
        page.keyboard.press("t")
