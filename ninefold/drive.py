"""`ninefold drive`: one closed-loop episode."""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import json
import platform
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from common.errors import RigError, UserError
from common.files import write_atomically
from common.messages import Camera, EpisodeResult, EpisodeSpec, Outcome
from ninefold import arguments

if TYPE_CHECKING:
    from teleop.audience import Audience

DEFAULT_TOWN = "city"
PACKAGES = ("ninefold", "carla", "numpy", "numba", "onnxruntime")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `ninefold drive`."""
    parser.add_argument(
        "--town",
        default=DEFAULT_TOWN,
        metavar="NAME|FILE.xodr|FILE.osm",
        help="a built-in town, an OpenDRIVE or OpenStreetMap file",
    )
    parser.add_argument(
        "--route", type=arguments.crowd, default=0, metavar="N", help="which way through the town"
    )
    parser.add_argument("--scenario", default="traffic", metavar="NAME", help="traffic or empty")
    parser.add_argument(
        "--weather", default="ClearNoon", metavar="NAME", help="one of CARLA's presets"
    )
    parser.add_argument(
        "--seed", type=arguments.seed, default=0, metavar="S", help="of everything left to chance"
    )
    parser.add_argument(
        "--driver",
        choices=("camera", "truth"),
        default="camera",
        help="truth sees everything as it is",
    )
    parser.add_argument(
        "--weights", type=Path, metavar="F.onnx", help="another network than the shipped one"
    )
    parser.add_argument(
        "--fault",
        metavar="NAME",
        help="frame_drop, front_blackout, camera_noise or gnss_loss, for the camera driver",
    )
    parser.add_argument(
        "--vehicles", type=arguments.crowd, default=20, metavar="N", help="of the traffic"
    )
    parser.add_argument(
        "--walkers", type=arguments.crowd, default=12, metavar="N", help="beside the streets"
    )
    parser.add_argument("--carla", metavar="HOST:PORT", help="a running CARLA server")
    parser.add_argument(
        "--video", type=arguments.video, metavar="F.mp4", help="write an annotated video"
    )
    parser.add_argument("--view", action="store_true", help="show it live in the browser")
    parser.add_argument("--json", type=Path, metavar="F", help="write the result")


def run(options: argparse.Namespace) -> int:
    """Drive; 0 however the episode ended, since the result says how. 3 if the rig failed."""
    from drive.stage import check

    for target in (options.json, options.video):
        if target is not None:
            arguments.writable(target)
    if options.driver == "truth" and (options.weights or options.fault):
        raise UserError("expected --weights and --fault with --driver camera, got --driver truth")
    spec = spec_of(options)
    address = None if options.carla is None else address_of(options.carla)
    check(spec, embedded=address is None)
    try:
        result = _drive(spec, options, address)
    except RigError as error:
        print(f"ninefold: the rig failed, the episode is void: {error}")
        return 3
    if options.json is not None:
        write_atomically(options.json, (json.dumps(as_json(result), indent=1) + "\n").encode())
    print(_summary(result))
    return 0


def _drive(
    spec: EpisodeSpec, options: argparse.Namespace, address: tuple[str, int] | None
) -> EpisodeResult:
    from common.compiling import tell_of_compiling
    from drive.run import Simulator, Watch, drive
    from ninefold.progress import Progress

    tell_of_compiling()
    with contextlib.ExitStack() as held:
        watches: list[Watch] = []
        view: Camera | None = None
        audience: Audience | None = None
        if options.video is not None or options.view:
            from drive.video import VIEW, Video

            view = VIEW
        if options.video is not None:
            watches.append(held.enter_context(Video(options.video)).add)
        if options.view:
            from teleop.audience import Audience

            audience = held.enter_context(Audience())
            watches.append(audience.add)
            print(f"view: {audience.address}", flush=True)
        progress = held.enter_context(Progress())
        watches.append(progress.show)
        simulator = held.enter_context(Simulator(address))
        result = drive(simulator, spec, options.weights, watches, view)
        if audience is not None:
            audience.end(_summary(result))
        return result


def spec_of(options: argparse.Namespace) -> EpisodeSpec:
    """The episode that the options ask for; the same spec gives the same episode."""
    from drive.run import digest, with_network

    spec = EpisodeSpec(
        town=options.town,
        route=options.route,
        seed=options.seed,
        driver=options.driver,
        scenario=options.scenario,
        weather=options.weather,
        vehicles=options.vehicles,
        walkers=options.walkers,
        fault=options.fault,
        town_sha256=digest(Path(options.town)) if Path(options.town).suffix else None,
        versions=versions(),
    )
    return with_network(spec, options.weights)


def versions() -> tuple[tuple[str, str], ...]:
    """Python's and the packages' that shape an episode."""
    found = [(name, importlib.metadata.version(name)) for name in PACKAGES if _installed(name)]
    return (("python", platform.python_version()), *found)


def _installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def address_of(text: str) -> tuple[str, int]:
    """HOST:PORT taken apart."""
    host, _, port = text.rpartition(":")
    if not host or not (port.isascii() and port.isdigit()) or not 0 < int(port) < 65536:
        raise UserError(f"expected HOST:PORT, got {text!r}; for example 127.0.0.1:2000")
    return host, int(port)


def as_json(result: EpisodeResult) -> dict[str, object]:
    """The result as `--json` writes it; scripts depend on these names."""
    factor = result.duration / result.wall if result.wall > 0.0 else None
    return {
        "outcome": result.outcome.value,
        "detail": result.detail,
        "route_completion": result.route_completion,
        "scores": dict(result.scores),
        "infractions": [asdict(one) for one in result.infractions],
        "disengagements": [asdict(one) for one in result.disengagements],
        "comfort_si": result.comfort,
        "distance_m": result.distance,
        "sim_seconds": result.duration,
        "wall_seconds": result.wall,
        "real_time_factor": factor,
        "state_hash": result.state_hash,
        "spec": asdict(result.spec),
        "versions": dict(result.spec.versions),
    }


def _summary(result: EpisodeResult) -> str:
    scores = ", ".join(f"{name} {value:.1f}" for name, value in result.scores)
    factor = result.duration / max(result.wall, 1e-9)
    mark = "" if result.outcome is Outcome.SUCCESS else f" ({result.detail})"
    return (
        f"{result.outcome.value}{mark}: {result.route_completion:.0f} % of the route, "
        f"{result.distance:.0f} m in {result.duration:.1f} s ({factor:.1f} x real time); {scores}"
    )
