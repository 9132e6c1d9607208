"""A drive to look at, in a real Chromium."""

import shutil
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from urllib.parse import urlsplit

import cv2
import numpy as np
import pytest
from playwright.sync_api import Page, sync_playwright

from teleop.audience import Audience
from tests.drive.filming import scene_with, step_at, thing_at
from tests.teleop.test_console import CHROMIUM, FLAGS, PATIENCE

needs_chromium = pytest.mark.skipif(shutil.which("chromium") is None, reason="no chromium here")


@pytest.fixture
def page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 760})
        page.set_default_timeout(1000 * PATIENCE)
        yield page
        browser.close()


def show(audience: Audience, stop: threading.Event) -> None:
    """A drive of 10 pictures a second, a car coming nearer."""
    t = 0.0
    while not stop.wait(0.1):
        audience.add(step_at(t, scene_with(thing_at(40.0 - 5.0 * t % 40.0, 3.0))))
        t += 0.1


def looks(page: Page) -> np.ndarray:
    shot = page.locator("#picture").screenshot()
    return cv2.imdecode(np.frombuffer(shot, np.uint8), cv2.IMREAD_COLOR)


@needs_chromium
@pytest.mark.browser
def test_a_viewer_sees_the_drive_go_on_and_how_it_ended(page: Page) -> None:
    stop = threading.Event()
    with Audience() as audience:
        drive = threading.Thread(target=show, args=(audience, stop))
        drive.start()
        page.goto(audience.address)
        page.wait_for_selector("#picture", state="visible")
        first = looks(page)
        assert first.std() > 15  # a picture, not a constant
        address = page.get_attribute("#picture", "src")
        page.wait_for_function(
            "before => document.getElementById('picture').src !== before", arg=address
        )
        page.wait_for_timeout(500)
        assert (looks(page) != first).any()
        stop.set()
        drive.join()
        audience.end("SUCCESS: 100 % of the route")
    page.wait_for_selector("#words:has-text('100 % of the route')")
    assert page.is_visible("#picture")


def handshake(address: str, path: str, origin: str) -> socket.socket:
    """A WebSocket asked for by hand, with little room for what comes."""
    host, port = urlsplit(address).netloc.split(":")
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.settimeout(30.0)
    sock.connect((host, int(port)))
    sock.sendall(
        f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nOrigin: {origin}\r\n"
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n".encode()
    )
    return sock


def test_a_viewer_who_stops_reading_holds_up_neither_the_drive_nor_its_end() -> None:
    with Audience() as audience:
        path = urlsplit(audience.address).path + "link"
        stalled = handshake(audience.address, path, audience.address)
        assert stalled.recv(12) == b"HTTP/1.1 101"
        began = time.monotonic()
        step = step_at(0.0, scene_with(thing_at(12.0, 3.0)))
        for _ in range(20_000):
            audience.add(step)
        assert time.monotonic() - began < PATIENCE
        time.sleep(0.5)
    stalled.close()


def test_who_does_not_know_the_address_sees_nothing() -> None:
    with Audience() as audience:
        parts = urlsplit(audience.address)
        assert parts.hostname == "127.0.0.1"
        assert urllib.request.urlopen(audience.address, timeout=30).status == 200
        for path in ("/", "/link", "/console/watch.html", "/" + "x" * 22 + "/"):
            with pytest.raises(urllib.error.HTTPError, match="404"):
                urllib.request.urlopen(f"http://{parts.netloc}{path}", timeout=30)


def test_another_sites_page_is_refused() -> None:
    with Audience() as audience:
        path = urlsplit(audience.address).path + "link"
        with handshake(audience.address, path, "http://elsewhere.example") as sock:
            assert sock.recv(12) == b"HTTP/1.1 403"
