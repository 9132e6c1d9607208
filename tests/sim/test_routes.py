"""The routes of a map."""

from pathlib import Path

import carla
import numpy as np
import pytest

from common.errors import UserError
from common.messages import RouteCommand
from sim.line import line_of, stops_on
from sim.roads import Roads, StopKind
from sim.routes import lanes_of_route, make_route, route_count

MAPS = Path(__file__).parents[2].parent / "shared/maps/carla"


@pytest.fixture(scope="module", params=["Town01", "Town04", "Town10HD"])
def roads(request: pytest.FixtureRequest) -> Roads:
    path = MAPS / f"{request.param}.xodr"
    if not path.exists():
        pytest.skip(f"no {path}")
    return Roads(carla.Map(request.param, path.read_text()))


def test_every_route_is_long_enough_and_passes_a_signal(roads: Roads) -> None:
    signalised = {line.lane for line in roads.stop_lines if line.kind is StopKind.SIGNAL}
    for index in range(route_count(roads)):
        route = make_route(roads, index)
        step = np.hypot(*np.diff(route.points, axis=0).T)
        assert 398.0 <= step.sum() <= 900.0
        assert step.min() > 0.2
        assert step.max() < 1.3
        assert signalised.intersection(lanes_of_route(roads, route))
        assert len(route.points) == len(route.speed_limit) == len(route.commands)
        assert route.speed_limit.min() > 0.0


def test_rows_of_junctions_carry_commands_and_ends_lie_clear_of_them(roads: Roads) -> None:
    for index in range(0, route_count(roads), 7):
        route = make_route(roads, index)
        inside = [command is not RouteCommand.LANE_FOLLOW for command in route.commands]
        assert any(inside)
        assert not any(inside[:14])
        assert not any(inside[-14:])


def test_a_route_follows_the_lane_graph_and_repeats_no_lane(roads: Roads) -> None:
    for index in range(0, route_count(roads), 7):
        ahead = np.diff(make_route(roads, index).points, axis=0)
        turn = np.diff(np.unwrap(np.arctan2(ahead[:, 1], ahead[:, 0])))
        assert np.abs(turn).max() < 0.8
        points = make_route(roads, index).points[::20]
        apart = np.hypot(*(points[:, None] - points[None]).transpose(2, 0, 1))
        assert apart[np.triu_indices(len(points), 1)].min() > 1.5


def test_routes_are_the_same_every_time_and_differ_by_number(roads: Roads) -> None:
    first = make_route(roads, 3)
    assert first.points.tobytes() == make_route(roads, 3).points.tobytes()
    assert first.points[0].tolist() != make_route(roads, 4).points[0].tolist()


@pytest.mark.parametrize("index", [-1, 99999])
def test_an_unknown_route_is_refused_with_the_count(roads: Roads, index: int) -> None:
    with pytest.raises(UserError, match="0 to 99"):
        make_route(roads, index)


@pytest.mark.parametrize("kind", [StopKind.SIGNAL, StopKind.STOP])
def test_a_route_carries_the_stop_lines_the_judge_looks_at(roads: Roads, kind: StopKind) -> None:
    for index in range(0, route_count(roads), 9):
        route = make_route(roads, index)
        judged = [s for s, _ in stops_on(roads, route, line_of(route), kind)]
        carried = route.signals if kind is StopKind.SIGNAL else route.stops
        assert sorted({round(s) for s in judged}) == pytest.approx(
            sorted({round(s) for s in carried}), abs=1.1
        )
