"""Which programs are run, how, and what each must show."""

import ast
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.peers.shows import Probe, leaderboard_scores, moving, ticking, weather_changes

SMOKE_PORT = 3654  # written into CARLA's smoke tests
SMOKE_TOWN = "Town03"  # what their tearDown loads: the town of all tests but the first
TOWN = "Town10HD_Opt"  # what CARLA starts with


@dataclass(frozen=True)
class Lack:
    """What a program needs of CARLA's Unreal project, and how it fails without."""

    what: str
    failure: str  # a pattern that begins its last error; any other one counts


@dataclass(frozen=True)
class Program:
    """One program of a checkout."""

    name: str
    command: tuple[str, ...]  # after the Python interpreter
    path: tuple[Path, ...]  # where it looks for modules
    town: str = TOWN
    port: int = 2000
    limit: float = 120.0  # s of wall time
    probe: Probe | None = None  # an endless program: asked at the limit, then it is interrupted
    environment: tuple[tuple[str, str], ...] = ()
    says: str = ""  # a pattern in its output; what its group matches goes into the table
    results: Callable[[Path], str] | None = None  # of its folder: what goes into the table
    times: int = 1  # runs, each on a server of its own, whose results must be the same
    beside: tuple[str, ...] = ()  # a second program, after the interpreter, ended with the first
    lack: Lack | None = None
    interpreter: str = ""  # its own, where it is not that of all


def methods(file: Path) -> list[str]:
    """`Class.method` of every test in a unittest file."""
    return [
        f"{item.name}.{method.name}"
        for item in ast.parse(file.read_text()).body
        if isinstance(item, ast.ClassDef)
        and any(isinstance(base, ast.Name) and base.id.endswith("SmokeTest") for base in item.bases)
        for method in item.body
        if isinstance(method, ast.FunctionDef) and method.name.startswith("test_")
    ]


SMOKE_LIMITS = {"test_spawnpoints": 5400.0, "test_vehicle_physics": 900.0, "test_map": 900.0}
SMOKE_LACKS = {
    "test_collision_determinism.TestCollisionDeterminism.test_two_cars": Lack(
        "Town03's open ground",  # a car finds no room; the test has no word for it
        "AttributeError: 'TwoCarsHighSpeedCollision' object has no attribute 'fail'",
    ),
    "test_collision_sensor.TestCollisionSensor.test_single_car": Lack(
        "the wall at Town03's roundabout",
        "AssertionError: The collision sensor have failed for the cars:",
    ),
    "test_map.TestMap.test_load_all_maps": Lack(
        "a Town03 with crosswalks (its map of 0.9.16)",
        r"AssertionError: 0 not greater than 0 : Map Carla/Maps/Town03 has no crosswalks\.",
    ),
}


def smoke(checkout: Path) -> list[Program]:
    """CARLA's smoke tests, one by one."""
    folder = checkout / "PythonAPI/test"
    return [
        Program(
            f"smoke/{file.stem}.{method}",
            ("-m", "unittest", f"smoke.{file.stem}.{method}"),
            (folder,),
            SMOKE_TOWN,
            SMOKE_PORT,
            SMOKE_LIMITS.get(file.stem, 600.0),
            says="OK",
            lack=SMOKE_LACKS.get(f"{file.stem}.{method}"),
        )
        for file in sorted((folder / "smoke").glob("test_*.py"))
        for method in methods(file)
    ]


MAY_GO = 0.25  # of vehicles with buses and lorries among them: see docs/compatibility.md
RECORDED = ("-f", "test1.log")  # by start_recording.py
ALL_TEN_ALIKE = r"(?s)(?:Repetitions: \[(?:np\.int64\()?10\)?\] / 10.*?){5}"  # of five scenes
SMALL = ("--res", "320x180")
CROWD = ("-n", "50", "-w", "30", "-s", "3", "--seedw", "3")
AGENTS = (
    ("Basic",),
    ("Constant",),
    *(("Behavior", "--behavior", kind) for kind in ("cautious", "normal", "aggressive")),
)


def utilities(checkout: Path) -> list[Program]:
    """What lies in PythonAPI/util."""
    folder = checkout / "PythonAPI/util"

    def program(file: str, *arguments: str, **more: Any) -> Program:
        name = " ".join((f"util/{file}", *arguments))
        return Program(name, (str(folder / file), *arguments), (folder,), **more)

    return [
        program("test_connection.py", says="connected"),
        program("config.py", "--inspect", says="version:"),
        program("config.py", "--list"),
        program("config.py", "--list-blueprints", "vehicle.*"),
        program("config.py", "--weather", "WetSunset"),
        program("config.py", "--map", "Town01", "--delta-seconds", "0.1", "--no-rendering"),
        program("performance_benchmark.py", "--ticks", "10", "--maps", "Town10HD_Opt", limit=900.0),
        program("check_raycast_sensors_determinism.py", says=ALL_TEN_ALIKE, limit=900.0),
        program("vehicle_physics_tester.py", limit=300.0),
        program("environment.py", "--sun", "sunset", "--rain", "60", "--cars", "Position"),
        program("environment.py", "--sun", "night", "--lights", "on", "intensity", "5000"),
        program("extract_spawn_points.py", "-o", "."),
        program("apply_texture.py", "--list", says=r"Building_\d"),
        program("check_map.py", says=r"Crosswalks found: [1-9]"),
        program("check_lidar_bb.py", limit=300.0),
        program("lane_explorer.py", "--info", "--seed", "3", probe=ticking, limit=40.0),
        program("raycast_sensor_testing.py", "--sync", *SMALL, probe=ticking, limit=40.0),
    ]


def examples(checkout: Path) -> list[Program]:
    """What lies in PythonAPI/examples."""
    folder = checkout / "PythonAPI/examples"
    path = (checkout / "PythonAPI/carla", folder)

    def program(file: str, *arguments: str, **more: Any) -> Program:
        name = " ".join((f"examples/{file}", *arguments))
        return Program(name, (str(folder / file), *arguments), path, **more)

    agents = [
        program(
            "automatic_control.py", *SMALL, "--sync", "--seed", "3", "--agent", *agent,
            limit=1800.0, says="target has been reached",
        )
        for agent in AGENTS
    ]  # fmt: skip
    return [
        program("tutorial.py", says="done."),
        program("synchronous_mode.py", probe=ticking, limit=40.0),
        program("sensor_synchronization.py", probe=ticking, limit=60.0),
        program("generate_traffic.py", *CROWD, probe=moving(50, 30, 600.0, MAY_GO), limit=60.0),
        program("generate_traffic.py", *CROWD, "--safe", probe=moving(50, 30, 600.0), limit=60.0),
        program("vehicle_physics.py"),
        program("dynamic_weather.py", "--speed", "5", probe=weather_changes, limit=30.0),
        program("lidar_to_camera.py", "--frames", "20"),
        program("client_bounding_boxes.py", probe=ticking, limit=40.0),
        program("bounding_boxes.py", *SMALL, probe=ticking, limit=40.0),
        program("visualize_multiple_sensors.py", *SMALL, probe=ticking, limit=40.0),
        program("no_rendering_mode.py", *SMALL, "--no-rendering", probe=ticking, limit=40.0),
        *agents,
        program("manual_control.py", *SMALL, "--sync", "-a", probe=moving(1, 0), limit=60.0),
        program("start_recording.py", "-n", "5", "-t", "10"),
        program("start_replaying.py", says="Total time recorded"),
        program("show_recorder_file_info.py", *RECORDED, "--show_all", says="Map: Town10HD_Opt"),
        program("show_recorder_collisions.py", *RECORDED, says="Frames: [1-9]"),
        program("show_recorder_actors_blocked.py", *RECORDED, says="Frames: [1-9]"),
        program("vehicle_gallery.py", probe=ticking, limit=30.0),
        program("draw_skeleton.py", *SMALL, probe=ticking, limit=40.0),
        program("tutorial_gbuffer.py", says="done."),
        program("get_component_test.py", says=r"Transform\(Location"),
        program("V2XDemo.py", *SMALL, "--sync", "-a", probe=ticking, limit=60.0),
        program("test_addsecondvx.py", probe=ticking, limit=30.0),
    ]


NEEDS_NEWER = ("smoke/test_geoconversion", "examples/start_replaying")  # than 0.9.16's client


def of_carla(checkout: Path, before: Path | None) -> list[Program]:
    """All programs of a checkout of CARLA; those too new for the client from the one before."""

    def of(checkout: Path) -> list[Program]:
        return [*smoke(checkout), *utilities(checkout), *examples(checkout)]

    found = of(checkout)
    if before is None:
        return found
    older = {program.name: program for program in of(before)}
    return [
        replace(older[program.name], name=f"{program.name} (of the older checkout)")
        if program.name.startswith(NEEDS_NEWER) and program.name in older
        else program
        for program in found
    ]


# name: town
SCENARIOS = {
    "FollowLeadingVehicle_1": "Town01",
    "ControlLoss_1": "Town01",
    "DynamicObjectCrossing_1": "Town02",
}
STORYBOARDS = {
    "FollowLeadingVehicle": "Town01",
    "LaneChangeSimple": "Town04",
    "PedestrianCrossingFront": "Town01",
}


def of_scenario_runner(checkout: Path, agents: Path) -> list[Program]:
    """Scenarios and OpenSCENARIO files to a verdict; `agents` holds CARLA's package of agents.

    Its own manual_control.py drives the ego, by the Traffic Manager, as its guide tells.
    """

    def program(name: str, town: str, *arguments: str) -> Program:
        command = (str(checkout / "scenario_runner.py"), *arguments, "--output", "--sync")
        return Program(
            f"scenario_runner/{name}",
            (*command, "--timeout", "200"),
            (agents, checkout),
            town,
            limit=900.0,
            environment=(("SCENARIO_RUNNER_ROOT", str(checkout)),),
            says=r"Results of Scenario: \S+ ---- \W*(\w+)",
            beside=(str(checkout / "manual_control.py"), "-a", "--res", "320x180"),
        )

    return [
        *(program(name, town, "--scenario", name) for name, town in SCENARIOS.items()),
        *(
            program(
                f"{name}.xosc",
                town,
                "--openscenario",
                str(checkout / f"srunner/examples/{name}.xosc"),
            )
            for name, town in STORYBOARDS.items()
        ),
    ]


def of_leaderboard(checkout: Path, runner: Path, agents: Path) -> list[Program]:
    """Its npc and dummy agents on three routes of ours; `runner`: a checkout of scenario_runner."""
    evaluator = str(checkout / "leaderboard/leaderboard_evaluator.py")
    routes = str(Path(__file__).parent / "routes.xml")
    return [
        Program(
            f"leaderboard/{agent}",
            (
                evaluator,
                *("--routes", routes, "--track", track, "--timeout", "300", "--debug", "0"),
                *("--agent", str(checkout / f"leaderboard/autoagents/{agent}.py")),
            ),
            (agents, checkout, runner),
            "Town01",
            limit=10_800.0,  # of three routes, where the dummy agent stands for 180 s
            says="Registering the global statistics",
            results=leaderboard_scores,
            times=3,
        )
        for agent, track in (("npc_agent", "SENSORS"), ("dummy_agent", "MAP"))
    ]


ROAR_PY_TESTS = (  # all at once they stop: its vehicle waits for lidars that are closed
    "test_camera and not SemanticSegmentation",  # it knows the labels of CARLA 0.9.12
    "test_collision_sensor",
    "test_lidar_sensor",
    "test_vehicle_control",
    "test_map_manuverable_waypoints",
)


def of_packages(interpreter: str, roar_py: Path | None) -> list[Program]:
    """The demo of carla-birdeye-view, and the tests of a checkout of ROAR_PY.

    `interpreter` has both packages; the demo opens a window.
    """
    view = Program(
        "carla-birdeye-view/birdview-demo", ("-m", "carla_birdeye_view"), (), "Town01",
        probe=moving(1, 0), limit=60.0, interpreter=interpreter,
    )  # fmt: skip
    if roar_py is None:
        return [view]
    file = str(roar_py / "roar_py_carla/tests/test_carla_implementation.py")
    return [
        view,
        *(
            Program(
                f"ROAR_PY/{name}", ("-m", "pytest", "-q", file, "-k", name), (),
                limit=300.0, says=r"(\d+ passed)", interpreter=interpreter,
            )
            for name in ROAR_PY_TESTS
        ),
    ]  # fmt: skip
