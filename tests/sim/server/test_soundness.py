"""Maps that LibCarla would crash on, or that nobody could build, are refused in words."""

import carla
import pytest

from common.errors import UserError
from sim.server import opendrive
from sim.server.town import town_from_opendrive

LANE = '<lane id="{}" type="driving"><width sOffset="0" a="3.5" b="0" c="0" d="0"/></lane>'
SIGNAL = (
    '<signal id="5" s="50" t="-5" zOffset="0" orientation="+" dynamic="yes" type="1000001"'
    ' country="O" subtype="-1" value="-1"/>'
)
ROAD = (
    '<road length="100" id="{}" junction="-1"><planView><geometry s="0" x="0" y="{}" hdg="0"'
    ' length="100"><line/></geometry></planView><elevationProfile><elevation s="0" a="0" b="0"'
    ' c="0" d="0"/></elevationProfile><lanes><laneSection s="0"><left>' + LANE.format(1) + "</left>"
    '<center><lane id="0" type="none"/></center><right>' + LANE.format(-1) + "</right>"
    "</laneSection></lanes><signals></signals></road>"
)
OBJECT = (
    '<object id="7" type="crosswalk" s="50" t="0" hdg="0"><outline>'
    '<cornerLocal u="0" v="-3" z="0"/></outline></object>'
)
ONWARD = '<link><successor elementType="road" elementId="1" contactPoint="start"/></link>'
NARROW = (
    '<laneSection s="50"><center><lane id="0" type="none"/></center><right>'
    + LANE.format(-1)
    + "</right></laneSection>"
)
SOUND = f'<OpenDRIVE><header revMajor="1" revMinor="4"/>{ROAD.format(1, 0)}</OpenDRIVE>'


def test_the_map_from_which_the_others_come_is_sound():
    assert list(opendrive.read(SOUND, "sound").roads) == [1]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('x="0"', 'x="nan"', "finite figures"),
        ('x="0"', 'x="1e300"', "finite figures"),
        ('hdg="0"', 'hdg="inf"', "finite figures"),
        ('a="3.5"', 'a="nan"', "finite figures"),
        ('a="3.5"', 'a="1e9"', "finite figures"),
        ('a="0"', 'a="1e300"', "finite figures"),
        ('d="0"/></elevation', 'd="1e6"/></elevation', "finite figures"),
        ("<line/>", '<arc curvature="nan"/>', "finite figures"),
        ("<line/>", '<spiral curvStart="nan" curvEnd="0"/>', "finite figures"),
        ("<line/>", "", "hold first one of line"),
        ("<line/>", "<userData/><line/>", "hold first one of line"),
        ('geometry s="0"', 'geometry s="50"', "begin at s = 0"),
        ('geometry s="0"', 'geometry s="nan"', "begin at s = 0"),
        ('length="100"', 'length="1e9"', "have a length"),
        ('length="100"', 'length="1e300"', "have a length"),
        ('length="100"', 'length="nan"', "have a length"),
        ("<signals>", '<signals><signalReference id="9" s="5" t="0"/>', "expected signal 9"),
        ("<signals>", "<signals>" + SIGNAL.replace("-5", "x", 1), "expected numbers"),
        (
            "<signals>",
            "<signals>" + SIGNAL[:-2] + '><validity fromLane="-9000" toLane="9000"/></signal>',
            "lanes up to 1000",
        ),
        (
            "</road>",
            "</road>" + "".join(ROAD.format(k, 0) for k in (2, 3, 4)).replace("100", "7e4"),
            "at most 200000 m of",
        ),
        ("<signals>", "<signals>" + SIGNAL * 20_001, "at most 20000 signals"),
        ("<left>", "<left>" + LANE.format(2) * 200, "at most 200 lanes side by side"),
        (
            "<signals>",
            "<objects>" + OBJECT.replace("50", "150") + "</objects><signals>",
            "object 7",
        ),
        (
            "<signals>",
            "<objects>" + OBJECT.replace("50", "nan") + "</objects><signals>",
            "object 7",
        ),
        (
            "<signals>",
            "<objects>" + OBJECT.replace("-3", "1e9") + "</objects><signals>",
            "object 7",
        ),
        ("<signals>", "<objects>" + OBJECT.replace("-3", "x") + "</objects><signals>", "numbers"),
        ("</lane></left>", '<roadMark sOffset="0" width="1e9"/></lane></left>', "finite figures"),
        ("<OpenDRIVE>", '<!DOCTYPE x [<!ENTITY a "a">]><OpenDRIVE>&b;', "undefined entity"),
    ],
)
def test_what_no_map_can_hold_is_refused(old, new, said):
    broken = SOUND.replace(old, new)
    assert broken != SOUND
    with pytest.raises(UserError, match=said.replace("+", r"\+")):
        opendrive.read(broken, "broken")


@pytest.mark.parametrize(("road", "section"), [(ONWARD, ""), ("", NARROW)])
def test_a_lane_that_leads_to_no_lane_is_refused_and_crashes_nobody(road, section):
    text = SOUND.replace("<planView>", road + "<planView>")
    text = text.replace("</laneSection>", "</laneSection>" + section)
    right = '<lane id="-1" type="driving">'
    text = text.replace(right, right + '<link><successor id="-1"/></link>', 1)
    opendrive.read(text, "sound")
    assert len(carla.Map("sound", text).generate_waypoints(10.0)) > 10
    with pytest.raises(UserError, match=r"expected lane -7 .* to which lane -1 of road 1"):
        opendrive.read(text.replace('successor id="-1"', 'successor id="-7"'), "broken")


def test_roads_too_far_apart_for_one_ground_are_refused():
    wide = SOUND.replace("</road>", "</road>" + ROAD.format(2, 50_000).replace('x="0"', 'x="5e4"'))
    with pytest.raises(UserError, match="16 km2"):
        town_from_opendrive("wide", wide)
