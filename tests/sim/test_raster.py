"""The map's rasters: what lies on a bridge, and what below."""

import carla
import numpy as np
import pytest

from common.frames import SEG_GRID, Pose2
from sim import maps
from sim.maps.make_motorway import RADIUS
from sim.raster import LaneRaster, MarkingRaster, on_bridges
from sim.roads import Roads

LANE = -RADIUS - 2.0 - 5.25  # m, y of the middle lane that heads east under the southern bridge


@pytest.fixture(scope="module")
def roads():
    return Roads(carla.Map("motorway", maps.path("motorway").read_text()))


def test_the_bridges_are_the_crossing_roads_lanes(roads):
    over = on_bridges(roads)
    assert over.any()
    assert np.abs(roads.xy[over, 0]).max() < 12.0
    assert roads.z[over].min() > 4.0


@pytest.mark.parametrize("kind", [LaneRaster, MarkingRaster])
def test_who_passes_under_a_bridge_does_not_see_its_lanes(roads, kind):
    raster = kind(roads)
    x, y = np.moveaxis(SEG_GRID.centres(), -1, 0)
    beside = (np.abs(x - 20.0) < 6.0) & (y > -16.0) & (y < -12.0)  # the deck beyond the shoulder
    assert not raster.crop(Pose2(-20.0, LANE, 0.0))[beside].any()
    on_deck = raster.crop(Pose2(-1.75, LANE - 30.0, np.pi / 2.0))
    ahead = (np.abs(y) < 1.0) & (x > 2.0) & (x < 40.0)
    if kind is LaneRaster:
        assert on_deck[ahead].all()
    else:
        assert on_deck[(np.abs(y) < 3.0) & (x > 2.0) & (x < 40.0)].any()


def test_a_flat_town_has_no_bridge():
    assert not on_bridges(Roads(carla.Map("city", maps.path("city").read_text()))).any()
