"""Which programs are run, how, and what an endless one must show while it runs."""

import ast
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import carla

SMOKE_PORT = 3654  # written into CARLA's smoke tests
SMOKE_TOWN = "Town03"  # what their tearDown loads: the town of all tests but the first
TOWN = "Town10HD_Opt"  # what CARLA starts with

Probe = Callable[[carla.World], str | None]  # what is wrong; None where all is well


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
    says: str = ""  # what its output must contain
    asset: str | None = None  # what it needs of CARLA's Unreal project, where it fails


def moving(vehicles: int, walkers: int) -> Probe:
    """At least so many vehicles and walkers exist, and at least half of them have moved."""

    def places(world: carla.World, pattern: str) -> dict[int, carla.Location]:
        return {actor.id: actor.get_location() for actor in world.get_actors().filter(pattern)}

    def probe(world: carla.World) -> str | None:
        wanted = {"vehicle.*": vehicles, "walker.*": walkers}
        world.wait_for_tick(30.0)  # before its first snapshot a client knows nobody
        before = {pattern: places(world, pattern) for pattern in wanted}
        for _ in range(100):
            world.wait_for_tick(30.0)
        for pattern, number in wanted.items():
            first, last = before[pattern], places(world, pattern)
            moved = sum(last[i].distance(first[i]) > 0.5 for i in first if i in last)
            if len(first) < number or moved < number / 2:
                return f"{len(first)} of {number} {pattern}, {moved} moved in 100 ticks"
        return None

    return probe


def weather_changes(world: carla.World) -> str | None:
    """The sun moves."""
    before = world.get_weather()
    for _ in range(60):
        world.wait_for_tick(30.0)
    after = world.get_weather()
    same = math.isclose(before.sun_altitude_angle, after.sun_altitude_angle, abs_tol=1e-6)
    return "the sun stands still" if same else None


def ticking(world: carla.World) -> str | None:
    """Time goes on."""
    world.wait_for_tick(30.0)
    return None


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


SMOKE_LIMITS = {"test_spawnpoints": 1800.0, "test_vehicle_physics": 900.0, "test_map": 900.0}
SMOKE_ASSETS = {
    "test_collision_determinism.TestCollisionDeterminism.test_two_cars": "Town03's open ground",
    "test_collision_sensor.TestCollisionSensor.test_single_car": "the wall at Town03's roundabout",
    "test_map.TestMap.test_load_all_maps": "a Town03 with crosswalks (its map of 0.9.16)",
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
            asset=SMOKE_ASSETS.get(f"{file.stem}.{method}"),
        )
        for file in sorted((folder / "smoke").glob("test_*.py"))
        for method in methods(file)
    ]


def utilities(checkout: Path) -> list[Program]:
    """What lies in PythonAPI/util."""
    folder = checkout / "PythonAPI/util"

    def program(file: str, *arguments: str, limit: float = 120.0, says: str = "") -> Program:
        name = " ".join((f"util/{file}", *arguments))
        return Program(name, (str(folder / file), *arguments), (folder,), limit=limit, says=says)

    return [
        program("test_connection.py", says="connected"),
        program("config.py", "--inspect", says="version:"),
        program("config.py", "--list"),
        program("config.py", "--list-blueprints", "vehicle.*"),
        program("config.py", "--weather", "WetSunset"),
        program("config.py", "--map", "Town01", "--delta-seconds", "0.1", "--no-rendering"),
        program("performance_benchmark.py", "--ticks", "10", "--maps", "Town10HD_Opt", limit=900.0),
        program("check_raycast_sensors_determinism.py", limit=900.0),
        program("vehicle_physics_tester.py", limit=300.0),
    ]


AGENTS = (
    ("Basic",),
    ("Constant",),
    *(("Behavior", "--behavior", kind) for kind in ("cautious", "normal", "aggressive")),
)


def examples(checkout: Path) -> list[Program]:
    """What lies in PythonAPI/examples."""
    folder = checkout / "PythonAPI/examples"
    path = (checkout / "PythonAPI/carla", folder)

    def program(file: str, *arguments: str, **more: object) -> Program:
        name = " ".join((f"examples/{file}", *arguments))
        return Program(name, (str(folder / file), *arguments), path, **more)

    small = ("--res", "320x180")
    agents = [
        program(
            "automatic_control.py", *small, "--sync", "--seed", "3", "--agent", *agent,
            limit=1800.0, says="target has been reached",
        )
        for agent in AGENTS
    ]  # fmt: skip
    return [
        program("tutorial.py", says="done."),
        program("synchronous_mode.py", probe=ticking, limit=40.0),
        program("sensor_synchronization.py", probe=ticking, limit=60.0),
        program("generate_traffic.py", "-n", "50", "-w", "30", probe=moving(50, 25)),
        program("vehicle_physics.py"),
        program("dynamic_weather.py", "--speed", "5", probe=weather_changes, limit=30.0),
        program("lidar_to_camera.py", "--frames", "20"),
        program("client_bounding_boxes.py", probe=ticking, limit=40.0),
        program("bounding_boxes.py", *small, probe=ticking, limit=40.0),
        program("visualize_multiple_sensors.py", *small, probe=ticking, limit=40.0),
        program("no_rendering_mode.py", *small, "--no-rendering", probe=ticking, limit=40.0),
        *agents,
        program("manual_control.py", *small, "--sync", "-a", probe=moving(1, 0), limit=60.0),
        program("start_recording.py", "-n", "5", "-t", "10"),
        program("start_replaying.py"),
        program("vehicle_gallery.py", probe=ticking, limit=30.0),
    ]


def of_carla(checkout: Path) -> list[Program]:
    """All programs of a checkout of CARLA."""
    return [*smoke(checkout), *utilities(checkout), *examples(checkout)]


SCENARIOS = ("FollowLeadingVehicle_1", "ControlLoss_1", "DynamicObjectCrossing_1")
STORYBOARDS = ("FollowLeadingVehicle", "LaneChangeSimple", "PedestrianCrossingFront")


def of_scenario_runner(checkout: Path, agents: Path) -> list[Program]:
    """Scenarios and OpenSCENARIO files to a verdict; `agents` holds CARLA's package of agents."""

    def program(name: str, town: str, *arguments: str) -> Program:
        command = (str(checkout / "scenario_runner.py"), *arguments, "--output", "--sync")
        return Program(
            f"scenario_runner/{name}",
            (*command, "--timeout", "200", "--reloadWorld"),
            (agents, checkout),
            town,
            limit=580.0,
            environment=(("SCENARIO_RUNNER_ROOT", str(checkout)),),
            says="Results of Scenario",
        )

    return [
        *(program(name, "Town01", "--scenario", name) for name in SCENARIOS),
        *(
            program(
                f"{name}.xosc",
                "Town01",
                "--openscenario",
                str(checkout / f"srunner/examples/{name}.xosc"),
            )
            for name in STORYBOARDS
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
            limit=1800.0,
            says="Registering the global statistics",
        )
        for agent, track in (("npc_agent", "SENSORS"), ("dummy_agent", "MAP"))
    ]
