import numpy as np
import pytest

from sim.server.blueprints import CATALOGUE
from sim.server.sensors.film import stops, table

CAMERA = next(b for b in CATALOGUE if b.id == "sensor.camera.rgb")
DEFAULTS = {attribute.id: attribute.value for attribute in CAMERA.attributes}


def camera(**changed):
    return lambda key: str({**DEFAULTS, **changed}.get(key, ""))


def test_carlas_default_values_change_nothing():
    assert table(camera()) is None
    assert table(camera(exposure_mode="manual")) is None


def test_one_stop_more_doubles_the_light():
    brighter = table(camera(exposure_compensation=1.0))
    assert (brighter[100] / 255.0) ** 2.2 == pytest.approx(2.0 * (100 / 255.0) ** 2.2, rel=0.02)
    assert brighter[255] == 255
    assert (np.diff(brighter.astype(int)) >= 0).all()


def test_the_shutter_counts_in_manual_mode_alone():
    assert stops(camera(shutter_speed=100.0)) == 0.0
    assert stops(camera(shutter_speed=100.0, exposure_mode="manual")) == pytest.approx(1.0)
    assert stops(camera(iso=400.0, fstop=2.8, exposure_mode="manual")) == pytest.approx(0.0)


def test_a_higher_gamma_lifts_the_dark():
    lifted = table(camera(gamma=3.0))
    assert lifted[40] > 60
    assert (lifted[0], lifted[255]) == (0, 255)


@pytest.mark.parametrize(
    "changed", [{"gamma": 0.0}, {"gamma": "x"}, {"exposure_compensation": "nan"}]
)
def test_what_cannot_be_is_refused(changed):
    with pytest.raises(ValueError, match=r"expected a|could not convert"):
        table(camera(**changed))
