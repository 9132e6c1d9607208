from dataclasses import replace

import numpy as np
import pytest

from sim.server.dress.furniture import LENS_COLOURS
from sim.server.render.renderer import Renderer
from sim.server.scene import Instances, Label, Material, Mesh, Planes, View, Weather

NOBODY = Instances(
    (), np.zeros((0, 4, 4), np.float32), np.zeros((0, 3), np.float32), np.zeros(0, np.uint32),
    np.zeros(0, np.float32), np.zeros(0, np.float32), np.zeros(0, np.uint32),
    np.zeros(0, np.float32),
)  # fmt: skip
DARK = np.full(1, 3, np.uint8)
FOV = np.pi / 2.0


def quad(corners, material, label, instance=0, colour=(1.0, 1.0, 1.0)) -> Mesh:
    points = np.array(corners, np.float32)
    return Mesh(
        points,
        points[:, :2].copy(),
        np.array([[0, 1, 2], [0, 2, 3]], np.int32),
        np.full(2, material, np.uint8),
        np.full(2, label, np.uint8),
        np.full(2, instance, np.uint32),
        np.tile(np.array(colour, np.float32), (2, 1)),
    )


def together(*meshes: Mesh) -> Mesh:
    base = np.cumsum([0] + [len(m.vertices) for m in meshes])
    return Mesh(
        *(
            np.concatenate(
                [
                    getattr(m, name) + (b if name == "faces" else 0)
                    for m, b in zip(meshes, base, strict=False)
                ]
            ).astype(getattr(meshes[0], name).dtype)
            for name in ("vertices", "uv", "faces", "material", "label", "instance", "colour")
        )
    )


def wall(x, y0, y1, z0, z1, material=Material.CONCRETE, label=Label.WALL, instance=9, **kw) -> Mesh:
    """Faces a viewer who looks along +x."""
    corners = [(x, y1, z0), (x, y0, z0), (x, y0, z1), (x, y1, z1)]
    return quad(corners, material, label, instance, **kw)


GROUND = quad(
    [(-500, -500, 0), (500, -500, 0), (500, 500, 0), (-500, 500, 0)],
    Material.ASPHALT,
    Label.ROAD,
)
TOWN = together(GROUND, wall(30.0, -12.0, -2.0, 0.0, 9.0))


def forward(width=128, height=64, fov=FOV, x=0.0, z=1.5) -> View:
    pose = np.eye(4)
    pose[:3, :3] = [[0, 0, 1], [-1, 0, 0], [0, -1, 0]]
    pose[:3, 3] = x, 0.0, z
    return View(pose, width, height, fov)


def cast(*rows) -> Instances:
    """(blueprint, x, y, z) standing, facing +x."""
    count = len(rows)
    poses = np.tile(np.eye(4, dtype=np.float32), (count, 1, 1))
    poses[:, :3, 3] = [row[1:] for row in rows]
    return Instances(
        tuple(row[0] for row in rows),
        poses,
        np.full((count, 3), 0.5, np.float32),
        np.arange(100, 100 + count, dtype=np.uint32),
        np.zeros(count, np.float32),
        np.zeros(count, np.float32),
        np.zeros(count, np.uint32),
        np.zeros(count, np.float32),
    )


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return Renderer(TOWN, threads=2)


def test_depth_of_ground_and_wall_is_the_analytic_one(renderer):
    view = forward()
    planes = renderer.render(view, NOBODY, DARK, Weather(), 0.0)
    focal = view.width_px / 2.0 / np.tan(view.fov / 2.0)
    a = (np.arange(view.width_px) + 0.5 - view.width_px / 2.0)[None, :] / focal
    b = (np.arange(view.height_px) + 0.5 - view.height_px / 2.0)[:, None] / focal + 0.0 * a
    ground = np.where(b > 0.0, 1.5 / np.maximum(b, 1e-9), np.inf)
    y, z = -30.0 * a, 1.5 - 30.0 * b
    hit = (y > -12.0) & (y < -2.0) & (z > 0.0) & (z < 9.0)
    truth = np.where(hit & (ground > 30.0), 30.0, np.where(ground < 500.0, ground, np.inf))
    inner = np.isclose(planes.depth, truth, rtol=0.0, atol=1e-3)
    assert np.mean(inner) > 0.985  # the rest: pixels on an outline
    road = (planes.label == Label.ROAD) & np.isfinite(truth) & (truth != 30.0)
    assert np.abs(planes.depth[road] - truth[road]).max() < 1e-3
    face = (planes.label == Label.WALL) & hit
    assert np.abs(planes.depth[face] - 30.0).max() < 1e-3
    assert np.all(planes.instance[face] == 9)
    assert np.all(np.isinf(planes.depth[planes.label == Label.SKY]))


def test_a_walker_on_the_left_is_in_the_left_half(renderer):
    actors = cast(("walker.pedestrian.0001", 15.0, 5.0, 0.93))
    planes = renderer.render(forward(), actors, DARK, Weather(), 0.0)
    rows, columns = np.nonzero(planes.instance == 100)
    assert len(columns) > 10
    assert columns.max() < 64
    assert np.all(planes.label[rows, columns] == Label.PEDESTRIAN)


@pytest.mark.parametrize(
    "blueprint",
    ["vehicle.tesla.model3", "vehicle.mitsubishi.fusorosa", "vehicle.carlamotors.firetruck",
     "vehicle.kawasaki.ninja", "walker.pedestrian.0010", "static.prop.barrel"],
)  # fmt: skip
def test_a_silhouette_agrees_with_the_projected_box(renderer, blueprint):
    from sim.server.blueprints import find

    kind = find(blueprint)
    rest = kind.half_extent[2] - kind.box_centre[2]
    view = forward(256, 128)
    actors = cast((blueprint, 18.0, 3.0, rest))
    planes = renderer.render(view, actors, DARK, Weather(), 0.0)
    rows, columns = np.nonzero(planes.instance == 100)
    signs = np.array([[(k >> a & 1) * 2 - 1 for a in range(3)] for k in range(8)])
    box = np.array(kind.box_centre) + signs * np.array(kind.half_extent) + [18.0, 3.0, rest]
    u = 128.0 - 128.0 * box[:, 1] / box[:, 0]
    v = 64.0 - 128.0 * (box[:, 2] - 1.5) / box[:, 0]
    for found, edge in (
        (columns.min(), u.min()), (columns.max() + 1, u.max()),
        (rows.min(), v.min()), (rows.max() + 1, v.max()),
    ):  # fmt: skip
        assert abs(found - edge) < 2.0 + 0.08 * (u.max() - u.min())


def same(a: Planes, b: Planes) -> bool:
    return all(
        np.array_equal(getattr(a, name), getattr(b, name))
        for name in ("rgb", "depth", "label", "instance")
    )


def test_pictures_do_not_depend_on_threads_or_on_what_was_drawn_before(renderer):
    actors = cast(
        ("vehicle.tesla.model3", 12.0, 3.0, 0.0), ("walker.pedestrian.0002", 9.0, -2.0, 0.9)
    )
    views = (forward(), forward(96, 48, 0.6))
    first = renderer.render_many(views, actors, DARK, Weather(), 1.0)
    renderer.render(forward(x=5.0), NOBODY, DARK, Weather(sun_altitude=-0.5), 2.0)
    again = renderer.render_many(views, actors, DARK, Weather(), 1.0)
    alone = Renderer(TOWN, threads=1).render_many(views, actors, DARK, Weather(), 1.0)
    three = Renderer(TOWN, threads=3).render_many(views, actors, DARK, Weather(), 1.0)
    single = renderer.render(views[1], actors, DARK, Weather(), 1.0)
    for k in range(2):
        assert same(first[k], again[k])
        assert same(first[k], alone[k])
        assert same(first[k], three[k])
    assert same(first[1], single)


def test_night_is_darker_than_noon(renderer):
    noon = renderer.render(forward(), NOBODY, DARK, Weather(sun_altitude=1.2), 0.0)
    night = renderer.render(forward(), NOBODY, DARK, Weather(sun_altitude=-0.6), 0.0)
    assert night.rgb.mean() < 0.35 * noon.rgb.mean()


def lamp(index: int) -> Mesh:
    """A lens 0.3 m wide, 60 m ahead."""
    colour = LENS_COLOURS[index]
    z = 5.2 - 0.35 * index
    return wall(
        60.0, -0.15, 0.15, z - 0.15, z + 0.15, Material.LAMP, Label.TRAFFIC_LIGHT,
        4 * 0 + index, colour=colour,
    )  # fmt: skip


@pytest.mark.parametrize("altitude", [1.0, 0.1, -0.6])
def test_the_colour_of_a_light_can_be_told_at_60_m(altitude):
    head = wall(60.1, -0.3, 0.3, 4.0, 5.6, Material.PLAIN, Label.TRAFFIC_LIGHT, colour=(0.03,) * 3)
    scene = Renderer(together(GROUND, head, lamp(0), lamp(1), lamp(2)), threads=2)
    view = forward(256, 128, 0.6109)
    seen = []
    for state in range(3):
        states = np.array([state], np.uint8)
        planes = scene.render(view, NOBODY, states, Weather(sun_altitude=altitude), 0.0)
        off = scene.render(view, NOBODY, DARK, Weather(sun_altitude=altitude), 0.0)
        change = planes.rgb.astype(int) - off.rgb
        seen.append(change.reshape(-1, 3)[np.argmax(change.sum(axis=2))] * 1.0)
    red, yellow, green = seen
    assert red[0] > 100 and red[1] < 0.4 * red[0]
    assert green[1] > 100 and green[0] < 0.4 * green[1]
    assert yellow[0] > 100 and 0.5 * yellow[0] < yellow[1] < 1.1 * yellow[0]


def changed(a: Planes, b: Planes) -> np.ndarray:
    return np.any(a.rgb != b.rgb, axis=2)


def test_brake_lights_turn_the_rear_red(renderer):
    actors = cast(("vehicle.lincoln.mkz_2020", 10.0, 0.0, 0.0))
    dark = renderer.render(forward(), actors, DARK, Weather(), 0.0)
    braking = replace(actors, lights=np.array([8], np.uint32))
    lit = renderer.render(forward(), braking, DARK, Weather(), 0.0)
    where = changed(dark, lit)
    assert 0 < where.sum() < 60
    gain = (lit.rgb.astype(int) - dark.rgb)[where].mean(axis=0)
    assert gain[0] > 3 * max(gain[1], gain[2], 1)


def test_wheels_turn_and_legs_swing(renderer):
    actors = cast(
        ("vehicle.tesla.model3", 6.0, 3.0, 0.0), ("walker.pedestrian.0003", 5.0, -1.5, 0.93)
    )
    for name in ("travel", "steer"):
        moving = replace(actors, speed=np.full(2, 1.4, np.float32))
        later = replace(moving, **{name: np.full(2, 0.45, np.float32)})
        before = renderer.render(forward(256, 128), moving, DARK, Weather(), 0.0)
        after = renderer.render(forward(256, 128), later, DARK, Weather(), 0.0)
        seen = set(np.unique(after.instance[changed(before, after)]))
        assert 100 in seen
        assert (101 in seen) == (name == "travel")


def test_a_wet_road_is_darker_below_and_head_lights_brighten_the_night(renderer):
    near = np.s_[50:, :]
    dry = renderer.render(forward(), NOBODY, DARK, Weather(), 0.0)
    wet = renderer.render(forward(), NOBODY, DARK, Weather(wetness=100.0), 0.0)
    assert wet.rgb[near].mean() < 0.92 * dry.rgb[near].mean()
    night = Weather(sun_altitude=-0.6)
    car = cast(("vehicle.tesla.model3", -1.0, 3.0, 0.0))
    beams = replace(car, lights=np.array([2], np.uint32))
    off = renderer.render(forward(), car, DARK, night, 0.0)
    on = renderer.render(forward(), beams, DARK, night, 0.0)
    assert on.rgb.mean() > 1.2 * off.rgb.mean()
    again = renderer.render(forward(), car, DARK, night, 0.0)
    assert same(off, again)


def test_standing_water_darkens_the_road_and_mirrors_the_sky_in_patches(renderer):
    dry, damp = (
        renderer.render(forward(), NOBODY, DARK, Weather(precipitation_deposits=d), 0.0)
        for d in (0.0, 50.0)
    )
    assert damp.rgb[56:].mean() < 0.95 * dry.rgb[56:].mean()
    bluer = (damp.rgb.astype(int) - dry.rgb)[36:]  # the sky's colour, on the road
    share = (bluer[..., 2] - bluer[..., 0] > 12).mean()
    assert 0.1 < share < 0.6
    assert np.array_equal(damp.rgb[:12], dry.rgb[:12])
    assert np.array_equal(damp.depth, dry.depth) and np.array_equal(damp.label, dry.label)


def test_a_wet_meadow_is_no_mirror():
    corners = [(-500, -500, 0), (500, -500, 0), (500, 500, 0), (-500, 500, 0)]
    meadow = Renderer(quad(corners, Material.GRASS, Label.TERRAIN), threads=2)
    dry, wet = (
        meadow.render(forward(), NOBODY, DARK, Weather(wetness=w, precipitation_deposits=w), 0.0)
        for w in (0.0, 100.0)
    )
    assert wet.rgb[33:].mean() <= dry.rgb[33:].mean()


def test_a_dust_storm_is_brown_and_takes_the_contrast(renderer):
    clear, dusty = (
        renderer.render(forward(), NOBODY, DARK, Weather(dust_storm=d), 0.0) for d in (0.0, 100.0)
    )
    sky, wall = clear.label == Label.SKY, clear.label == Label.WALL
    assert clear.rgb[sky, 2].mean() > clear.rgb[sky, 0].mean()
    assert dusty.rgb[sky, 0].mean() > 1.3 * dusty.rgb[sky, 2].mean()
    before, after = (abs(s.rgb[sky].mean() - s.rgb[wall].mean()) for s in (clear, dusty))
    assert after < 0.6 * before


def test_fog_takes_the_shadows(renderer):
    car, weak = cast(("vehicle.tesla.model3", 9.0, 0.0, 0.0)), []
    for fog in (0.0, 80.0):
        weather = Weather(fog_density=fog, fog_distance=100.0)  # clear as far as we look
        bare = renderer.render(forward(), NOBODY, DARK, weather, 0.0)
        shaded = renderer.render(forward(), car, DARK, weather, 0.0)
        road = shaded.label == Label.ROAD
        weak.append((shaded.rgb[road] / bare.rgb[road].astype(float)).min())
    assert weak[0] < 0.6 and weak[1] > 0.78


def test_thick_fog_hides_the_sky_and_a_little_does_not(renderer):
    above_the_wall = np.s_[:12]
    seen = [
        renderer.render(forward(), NOBODY, DARK, Weather(fog_density=fog), 0.0).rgb[above_the_wall]
        for fog in (0.0, 2.0, 60.0)
    ]
    assert np.array_equal(seen[0], seen[1])
    assert np.ptp(seen[2], axis=(0, 1)).max() < 0.6 * np.ptp(seen[0], axis=(0, 1)).max()


def test_rain_falls_in_thin_streaks(renderer):
    rain = Weather(precipitation=80.0)
    now, later = (
        renderer.render(forward(640, 360), NOBODY, DARK, rain, t).rgb[200:].astype(int).sum(axis=2)
        for t in (0.0, 0.05)
    )
    wet = np.pad(now - later > 20, ((0, 0), (1, 1))).astype(int)
    begins, ends = (np.argwhere(np.diff(wet, axis=1) == step)[:, 1] for step in (1, -1))
    assert len(begins) > 500
    assert np.median(ends - begins) <= 3


@pytest.mark.parametrize("width", [640, 1920])
def test_streaks_of_rain_repeat_nowhere_and_keep_their_width(renderer, width):
    view = forward(width, width // 4)
    shots = [
        renderer.render(view, NOBODY, DARK, Weather(precipitation=100.0, cloudiness=0.0), t)
        .rgb[width // 8 :][:60]  # the road
        .astype(float)
        .sum(axis=2)
        for t in (0.0, 5.0)
    ]
    wet = shots[0] - shots[1]
    for shift in range(40, width // 2):
        a, b = wet[:, shift:].ravel(), wet[:, :-shift].ravel()
        assert np.corrcoef(a, b)[0, 1] < 0.2
    edges = np.diff(np.pad(wet > 20.0, ((0, 0), (1, 1))).astype(int), axis=1)
    begins, ends = (np.argwhere(edges == step)[:, 1] for step in (1, -1))
    assert len(begins) > 500
    assert 1 <= np.median(ends - begins) <= 3 and np.quantile(ends - begins, 0.99) <= 5


def test_rain_is_dark_at_night_away_from_lamps(renderer):
    weather = Weather(sun_altitude=-0.5, precipitation=100.0)
    wet, later = (renderer.render(forward(), NOBODY, DARK, weather, t).rgb for t in (0.0, 5.0))
    assert np.abs(wet.astype(int) - later).max() < 20
    car = replace(cast(("vehicle.tesla.model3", -1.0, 1.0, 0.0)), lights=np.array([2], np.uint32))
    wet, later = (renderer.render(forward(), car, DARK, weather, t).rgb for t in (0.0, 5.0))
    assert np.abs(wet.astype(int) - later).max() > 40


def test_rain_at_night_glints_and_darkens_nothing(renderer):
    weather = Weather(sun_altitude=-0.5, precipitation=100.0)
    car = replace(cast(("vehicle.tesla.model3", -1.0, 1.0, 0.0)), lights=np.array([2], np.uint32))
    shots = [renderer.render(forward(), car, DARK, weather, t).rgb for t in np.arange(9) * 0.35]
    grey = np.stack(shots).mean(axis=3)
    change = grey - np.quantile(grey, 0.2, axis=0)  # most shots have no drop there
    assert (change > 8.0).sum() > 100
    assert (change < -8.0).sum() < 0.02 * (change > 8.0).sum()


def test_a_wet_road_mirrors_a_street_lamp():
    lamp = quad(
        [(20, -0.4, 7), (21, -0.4, 7), (21, 0.4, 7), (20, 0.4, 7)],
        Material.STREET_LAMP,
        Label.POLE,
    )
    scene = Renderer(together(GROUND, lamp), threads=2)
    dry, wet = (
        scene.render(forward(), NOBODY, DARK, Weather(sun_altitude=-0.5, wetness=wetness), 0.0)
        .rgb[50:58]
        .mean(axis=(0, 2))
        for wetness in (0.0, 100.0)
    )
    ahead, aside = slice(56, 72), slice(0, 12)
    assert wet[ahead].mean() > dry[ahead].mean() + 10.0
    assert wet[aside].mean() < dry[aside].mean()


def test_every_blueprint_with_a_body_has_a_model_within_its_box():
    from sim.server.blueprints import CATALOGUE
    from sim.server.render.models import known, model

    bodies = [blueprint for blueprint in CATALOGUE if known(blueprint.id)]
    assert len(bodies) > 150
    for blueprint in bodies:
        points = model(blueprint.id).vertices
        centre, half = np.array(blueprint.box_centre), np.array(blueprint.half_extent)
        slack = 0.12 + 0.06 * half
        assert np.all(np.abs(points - centre).max(axis=0) < half + slack), blueprint.id


def test_a_childs_head_is_larger_for_its_height():
    from sim.server.render.walkers import walker

    def head(tall):
        points = walker((0.2, 0.2, 0.5 * tall), 0.5 * tall).vertices
        return np.ptp(points[points[:, 2] > 0.9 * tall, 1]) / tall

    assert 1.1 * head(1.75) < head(1.1) < 1.4 * head(1.75)
    assert head(1.9) == pytest.approx(head(1.75), rel=0.01)


@pytest.mark.parametrize("altitude", [0.15, 0.4, 1.2])
def test_level_ground_does_not_shade_itself(altitude):
    scene = Renderer(GROUND, threads=2)
    view = forward()
    planes = scene.render(view, NOBODY, DARK, Weather(sun_altitude=altitude), 0.0)
    grey = planes.rgb[40:].mean(axis=2)
    assert grey.min() > 0.8 * np.median(grey)


def test_the_ground_reaches_the_horizon_beyond_the_town():
    hill = quad(
        [(-40, -40, 0), (40, -40, 0), (40, 40, 5), (-40, 40, 5)], Material.GRASS, Label.TERRAIN
    )
    planes = Renderer(hill, threads=2).render(forward(z=4.0), NOBODY, DARK, Weather(), 0.0)
    below, above = planes.label[34:], planes.label[:30]  # a degree and more from the horizon
    assert (below == Label.TERRAIN).all() and np.isfinite(planes.depth[34:]).all()
    assert (above[:, 64:] == Label.SKY).all()


def test_eaves_draw_no_comb_on_their_own_wall_but_others_shade_it():
    front = together(
        GROUND, wall(12.0, -8.0, 8.0, 0.0, 6.0, Material.FACADE_PLASTER, Label.BUILDING)
    )
    sun, shots = Weather(sun_azimuth=np.pi - 1.2, sun_altitude=0.9), []
    for gap in (None, 0.0, 2.0):  # m from the wall to what overhangs
        town = front
        if gap is not None:
            x = (12.0 - gap - 0.4, 12.0 - gap)
            corners = [(x[0], -8, 6), (x[1], -8, 6), (x[1], 8, 6), (x[0], 8, 6)]
            town = together(front, quad(corners, Material.ROOF, Label.WALL))
        shots.append(Renderer(town, threads=2).render(forward(), NOBODY, DARK, sun, 0.0))
    bare, eaves, other = (shot.rgb[shot.label == Label.BUILDING].astype(int) for shot in shots)
    assert np.array_equal(bare, eaves)
    assert len(other) == len(bare) and (other < bare - 10).any()


@pytest.mark.parametrize("lean", [(0.76, -0.53, 1.0), (0.3, 0.9, 1.0), (0.0, 0.0, 1.0)])
def test_leaves_have_no_grain_whichever_way_they_face(lean):
    up, left, middle = np.array(lean) / np.linalg.norm(lean), np.array([0.0, 1.0, 0.0]), (4, 0, 1.5)
    left = left - (left @ up) * up
    left /= np.linalg.norm(left)
    corners = [middle + a * up + b * left for a, b in ((-3, 3), (-3, -3), (3, -3), (3, 3))]
    leaves = quad(corners, Material.FOLIAGE, Label.VEGETATION)
    view = forward(640, 320)
    planes = Renderer(together(GROUND, leaves), threads=2).render(
        view, NOBODY, DARK, Weather(cloudiness=100.0), 0.0
    )
    steps = np.arange(-1.0, 1.0, 0.05)
    points = middle + steps[:, None, None] * up + steps[:, None] * left
    x = 320 - 320 * points[..., 1] / points[..., 0]
    y = 160 - 320 * (points[..., 2] - 1.5) / points[..., 0]
    seen = planes.rgb.sum(axis=2).astype(float)[y.astype(int), x.astype(int)]
    along, across = (np.abs(np.diff(seen, axis=k)).mean() for k in (0, 1))
    assert 0.6 < along / across < 1.7
