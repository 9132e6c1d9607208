"""Pavements, crossings, and people on them."""

from pathlib import Path

import carla
import numpy as np
import pytest

from sim import maps
from sim.iso import vector
from sim.pavement import Pavement, lights_of, pavement
from sim.roads import Roads
from sim.walking import GO, NO_LIGHT, WAIT, Cars, Walkers, make_walkers, stroll

MAPS = Path(__file__).parents[2].parent / "shared/maps/carla"
DT = 0.05


@pytest.fixture(scope="module", params=["Town01", "Town04", "Town10HD"])
def town(request: pytest.FixtureRequest) -> tuple[carla.Map, Pavement]:
    path = MAPS / f"{request.param}.xodr"
    if not path.exists():
        pytest.skip(f"no {path}")
    genuine = carla.Map(request.param, path.read_text())
    return genuine, pavement(genuine)


def crowd(graph: Pavement, count: int, rng: np.random.Generator) -> Walkers:
    usable = np.flatnonzero(~graph.crossing & (graph.length > 4.0))
    edge = rng.choice(usable, count).astype(np.int32)
    return make_walkers(graph, edge, rng.uniform(0.0, graph.length[edge]), rng)


def cars(*rows: tuple[float, float, float, float]) -> Cars:
    x, y, yaw, speed = np.array(rows).reshape(-1, 4).T
    return Cars(x, y, yaw, np.full(len(x), 2.4), np.full(len(x), 1.0), speed)


def walk(
    graph: Pavement,
    walkers: Walkers,
    traffic: Cars,
    rng: np.random.Generator,
    light: int = NO_LIGHT,
) -> np.ndarray:
    lights = np.full(len(graph.length), light, np.int32)
    heading, speed = stroll(graph, walkers, traffic, lights, DT, rng)
    walkers.x[:] += heading[:, 0] * speed * DT
    walkers.y[:] += heading[:, 1] * speed * DT
    return speed


def test_pavements_lie_on_the_client_s_sidewalks_and_crossings_join_them(
    town: tuple[carla.Map, Pavement],
) -> None:
    genuine, graph = town
    assert graph.crossing.any()
    for edge in np.flatnonzero(~graph.crossing)[::5]:
        x, y = graph.xy[(graph.first[edge] + graph.first[edge + 1]) // 2]
        at = genuine.get_waypoint(carla.Location(x, -y, 0.0), lane_type=carla.LaneType.Sidewalk)
        assert np.hypot(*(vector(at.transform.location)[:2] - (x, y))) < 0.7
    for edge in np.flatnonzero(graph.crossing):
        for node in graph.node[edge]:
            meet = graph.edges[graph.edge_first[node] : graph.edge_first[node + 1]]
            assert (~graph.crossing[meet]).any()


def test_people_stay_on_the_graph_and_keep_walking(town: tuple[carla.Map, Pavement]) -> None:
    _, graph = town
    rng = np.random.default_rng(2)
    walkers = crowd(graph, 25, rng)
    begin = np.stack([walkers.x, walkers.y])
    crossed = np.zeros(25, bool)
    for _ in range(2400):
        walk(graph, walkers, cars(), rng)
        crossed |= graph.crossing[walkers.edge]
    away = np.array(
        [np.hypot(*(graph.xy - (x, y)).T).min() for x, y in zip(walkers.x, walkers.y, strict=True)]
    )
    assert away[~graph.crossing[walkers.edge]].max() < 3.5
    assert np.median(np.hypot(*(np.stack([walkers.x, walkers.y]) - begin))) > 20.0
    assert crossed.any()


def at_the_kerb(graph: Pavement, bold: bool) -> tuple[Walkers, np.ndarray, np.ndarray]:
    """One walker who waits before a crossing; its begin and its direction."""
    edge = int(np.flatnonzero(graph.crossing)[0])
    walkers = make_walkers(graph, np.array([edge], np.int32), np.zeros(1), np.random.default_rng(0))
    walkers.way[0], walkers.waited[0], walkers.bold[0] = 1, 0.0, bold
    begin, end = graph.xy[graph.first[edge]], graph.xy[graph.first[edge + 1] - 1]
    walkers.x[0], walkers.y[0] = begin
    return walkers, begin, (end - begin) / np.hypot(*(end - begin))


@pytest.mark.parametrize(
    ("distance", "speed", "bold", "goes"),
    [
        (15.0, 10.0, False, False),
        (15.0, 10.0, True, False),
        (60.0, 10.0, False, False),
        (60.0, 10.0, True, True),
        (8.0, 0.0, False, True),
        (-10.0, 10.0, False, True),
    ],
)
def test_people_cross_when_no_car_comes_and_the_bold_when_it_can_still_brake(
    town: tuple[carla.Map, Pavement], distance: float, speed: float, bold: bool, goes: bool
) -> None:
    _, graph = town
    walkers, begin, over = at_the_kerb(graph, bold)
    ahead = np.array([-over[1], over[0]])
    x, y = begin + 0.5 * graph.length[walkers.edge[0]] * over - distance * ahead
    car = cars((x, y, float(np.arctan2(ahead[1], ahead[0])), speed))
    moved = walk(graph, walkers, car, np.random.default_rng(1))[0]
    assert (moved > 0.0) == goes


def test_people_wait_for_their_light_and_then_walk() -> None:
    path = maps.path("city")
    graph = pavement(carla.Map("city", path.read_text()))
    walkers, _, _ = at_the_kerb(graph, True)
    rng = np.random.default_rng(1)
    for light, goes in ((WAIT, False), (WAIT, False), (GO, True)):
        assert (walk(graph, walkers, cars(), rng, light)[0] > 0.0) == goes


def test_crossings_at_lights_know_the_light_that_holds_the_traffic_before_them() -> None:
    path = maps.path("city")
    city = carla.Map("city", path.read_text())
    graph, roads = pavement(city), Roads(city)
    lights = lights_of(graph, roads)
    assert not any(light for light, over in zip(lights, graph.crossing, strict=True) if not over)
    known = {line.opendrive_id: line for line in roads.stop_lines}
    found = [edge for edge, light in enumerate(lights) if light]
    assert len(found) > 12
    for edge in found:
        line = known[lights[edge]]
        middle = graph.xy[graph.first[edge] : graph.first[edge + 1]].mean(axis=0)
        across = line.right - line.left
        away = abs((middle - line.left) @ [-across[1], across[0]]) / np.hypot(*across)
        assert away < 6.0, "the crossing lies right before or behind its line"


def test_nobody_walks_into_a_car_that_stands_in_the_way() -> None:
    path = MAPS / "Town10HD.xodr"
    if not path.exists():
        pytest.skip(f"no {path}")
    graph = pavement(carla.Map("Town10HD", path.read_text()))
    walkers, begin, over = at_the_kerb(graph, False)
    walkers.waited[0] = -1.0
    x, y = begin + 6.0 * over
    car = cars((x, y, float(np.arctan2(over[0], -over[1])), 0.0))
    rng = np.random.default_rng(1)
    for _ in range(600):
        walk(graph, walkers, car, rng)
        near = np.array([walkers.x[0] - x, walkers.y[0] - y])
        inside = abs(near @ over) < 1.0 and abs(near @ [-over[1], over[0]]) < 2.4
        assert not inside
