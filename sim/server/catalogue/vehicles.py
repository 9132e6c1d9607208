"""CARLA 0.9.16's vehicles: one line each in two tables.

Boxes: BerkeleyLearnVerify/Scenic, blueprint snapshot 0.9.16 (sizes). Types, generation, lights and
doors: CARLA documentation 0.9.16, "Vehicle catalogue". Mass, wheelbase, power, torque, turning
circle and drag: makers' data sheets of the model that the name stands for, or of the nearest one;
grip is chosen so that the published braking distance results.
"""

from __future__ import annotations

from dataclasses import dataclass

from sim.server.vehicle_physics import Design


@dataclass(frozen=True, slots=True)
class VehicleKind:
    """One vehicle model."""

    name: str  # make.model
    base_type: str
    special_type: str
    generation: int
    lights: bool
    doors: bool
    centre: tuple[float, float]  # m, the box centre's x and z in the actor frame
    design: Design


# Sizes and the box centre's x and z in m.
_BODIES = """
name                       base_type  special   gen lights doors length width height      x     z
audi.a2                    car        -         1   no     no     3.705 1.789  1.549  0.000 0.782
audi.etron                 car        electric  1   no     no     4.856 2.033  1.649 -0.004 0.821
audi.tt                    car        -         1   no     no     4.181 1.994  1.385  0.000 0.693
bh.crossbike               bicycle    -         1   no     no     1.509 0.866  1.612  0.000 0.808
bmw.grandtourer            car        -         1   no     no     4.611 2.242  1.667  0.000 0.765
carlamotors.carlacola      truck      -         1   no     no     5.204 2.627  2.467  0.000 1.234
carlamotors.european_hgv   truck      -         2   no     no     7.936 2.891  3.462  0.013 1.731
carlamotors.firetruck      truck      emergency 2   yes    yes    8.468 2.891  3.827 -0.253 1.913
chevrolet.impala           car        -         1   no     no     5.357 2.033  1.411  0.000 0.701
citroen.c3                 car        -         1   no     no     3.988 1.851  1.617  0.000 0.762
diamondback.century        bicycle    -         1   no     no     1.656 0.582  1.620  0.000 0.816
dodge.charger_2020         car        -         2   yes    yes    5.008 1.882  1.535 -0.005 0.766
dodge.charger_police       car        emergency 1   no     no     4.974 2.038  1.542  0.024 0.793
dodge.charger_police_2020  car        emergency 2   yes    yes    5.238 1.930  1.638  0.109 0.817
ford.ambulance             van        emergency 2   yes    yes    6.366 2.351  2.431 -0.289 1.216
ford.crown                 car        taxi      2   yes    yes    5.366 1.801  1.575  0.185 0.768
ford.mustang               car        -         1   no     no     4.718 1.895  1.301  0.032 0.650
gazelle.omafiets           bicycle    -         1   no     no     1.843 0.659  1.776 -0.010 0.895
harley-davidson.low_rider  motorcycle -         1   no     no     2.350 0.766  1.649  0.000 0.825
jeep.wrangler_rubicon      car        -         1   no     no     3.866 1.905  1.878  0.000 0.932
kawasaki.ninja             motorcycle -         1   no     no     2.044 0.797  1.523  0.000 0.769
lincoln.mkz_2017           car        -         1   no     no     4.902 2.128  1.511  0.004 0.719
lincoln.mkz_2020           car        -         2   yes    yes    4.892 1.837  1.490 -0.006 0.749
mercedes.coupe             car        -         1   no     no     5.027 2.152  1.651  0.000 0.667
mercedes.coupe_2020        car        -         2   yes    yes    4.674 1.812  1.442 -0.003 0.720
mercedes.sprinter          van        -         2   yes    yes    5.915 1.988  2.561 -0.011 1.288
micro.microlino            car        electric  1   no     no     2.207 1.481  1.376  0.000 0.677
mini.cooper_s              car        -         1   no     no     3.806 1.970  1.475  0.000 0.693
mini.cooper_s_2021         car        -         2   yes    yes    4.553 2.097  1.767 -0.031 0.891
mitsubishi.fusorosa        bus        -         2   yes    no    10.273 3.944  4.253 -0.445 2.127
nissan.micra               car        -         1   no     no     3.633 1.845  1.501  0.000 0.781
nissan.patrol              car        -         1   no     no     4.605 1.932  1.855 -0.057 0.935
nissan.patrol_2021         car        -         2   yes    yes    5.566 2.150  2.045  0.028 1.017
seat.leon                  car        -         1   no     no     4.193 1.816  1.474  0.000 0.740
tesla.cybertruck           truck      electric  2   no     no     6.274 2.390  2.098  0.000 1.049
tesla.model3               car        electric  1   no     no     4.792 2.163  1.488  0.029 0.736
toyota.prius               car        electric  1   no     no     4.514 2.007  1.525  0.002 0.724
vespa.zx125                motorcycle -         1   no     no     1.817 0.866  1.590  0.010 0.795
volkswagen.t2              van        -         1   no     no     4.480 2.069  2.038  0.001 1.014
volkswagen.t2_2021         van        -         2   yes    yes    4.442 1.775  1.987  0.117 0.991
yamaha.yzf                 motorcycle -         1   no     no     2.191 0.866  1.530  0.000 0.775
"""

# kg; m: wheelbase, wheel radius; kW; Nm; rpm at most; m: turning circle between kerbs; m/s: top
# speed; driven wheels; gears; m/s at most in first gear; drag coefficient; tyre friction; cornering
# stiffness per load (1/rad); wheels.
_DESIGNS = """
name                        mass  base  rim   kW   Nm   rpm circ vmax drv power g 1st cd  grip  c w
audi.a2                      990 2.405 .296   55  126  6200 10.5   48 fwd fuel  6   15 .28 1.05 12 4
audi.etron                  2595 2.928 .381  300  664 13300 12.2 55.6 awd volt  1   15 .28 1.12 12 4
audi.tt                     1335 2.505 .336  169  370  6500   11   69 fwd fuel  6   16 .29 1.18 12 4
bh.crossbike                  90 1.050 .350 0.45   14   900  3.6   11 rwd fuel  1   15 1.0 0.70 12 2
bmw.grandtourer             1570 2.780 .326  141  280  6500 11.7   62 fwd fuel  6   15 .28 1.10 12 4
carlamotors.carlacola       5500 2.900 .400  110  500  3200 12.4   30 rwd fuel  6    7 .60 0.80  8 4
carlamotors.european_hgv    9000 3.800 .500  315 2100  2200 15.5   25 rwd fuel 12    5 .60 0.75  7 6
carlamotors.firetruck      13000 4.400 .500  213 1150  2500 16.4   30 rwd fuel  8    6 .70 0.75  7 4
chevrolet.impala            1717 2.837 .345  227  358  7000 11.8   66 fwd fuel  6   15 .32 1.04 12 4
citroen.c3                  1055 2.540 .308   81  205  6000 10.9   54 fwd fuel  6   15 .31 1.08 12 4
diamondback.century           85 1.000 .340  0.6   12  1000  3.6   14 rwd fuel  1   15 .90 0.70 12 2
dodge.charger_2020          1960 3.052 .358  276  534  6000 11.7   70 rwd fuel  8   15 .33 1.05 12 4
dodge.charger_police        1990 3.048 .358  276  529  6000 11.8   68 rwd fuel  6   15 .34 1.05 12 4
dodge.charger_police_2020   2010 3.052 .358  276  529  6000 11.7   68 rwd fuel  8   15 .35 1.05 12 4
ford.ambulance              4300 3.510 .380  175  475  4500   14   42 rwd fuel  6   11 .50 0.85  9 4
ford.crown                  1880 2.913 .345  178  389  5500 12.3   53 rwd fuel  4   18 .37 0.95 12 4
ford.mustang                1360 2.743 .330  168  414  5200 11.6   53 rwd fuel  4   20 .46 0.85 12 4
gazelle.omafiets              95 1.120 .350 0.35   14   800  3.8    9 rwd fuel  1   15 1.1 0.70 12 2
harley-davidson.low_rider    385 1.630 .330   64  145  5500  5.6   50 rwd fuel  6   22 .60 0.90 12 2
jeep.wrangler_rubicon       1880 2.424 .407  209  353  6600 10.6   47 rwd fuel  6   15 .49 0.90  9 4
kawasaki.ninja               275 1.400 .310   93   66 14000  6.2   72 rwd fuel  6   30 .60 1.00 12 2
lincoln.mkz_2017            1740 2.850 .345  179  366  6500 11.6   58 fwd fuel  6   15 .29 1.04 12 4
lincoln.mkz_2020            1740 2.850 .345  179  366  6500 11.6   58 fwd fuel  6   15 .29 1.04 12 4
mercedes.coupe              2060 2.945 .358  335  700  6250 11.6   69 rwd fuel  7   15 .26 1.15 12 4
mercedes.coupe_2020         1505 2.840 .335  135  300  6400 11.2   65 rwd fuel  9   15 .27 1.15 12 4
mercedes.sprinter           2500 3.665 .345  120  380  4500 13.4   44 rwd fuel  6   10 .36 0.92  9 4
micro.microlino              610 1.566 .280 12.5   89  7000  8.2   25 rwd volt  1   15 .40 0.85 12 4
mini.cooper_s               1215 2.467 .308  128  240  6500 10.7   62 fwd fuel  6   15 .36 1.15 12 4
mini.cooper_s_2021          1460 2.670 .325  141  280  6500 11.4   62 fwd fuel  6   15 .32 1.12 12 4
mitsubishi.fusorosa         7500 4.995 .400  129  430  3500 17.6   33 rwd fuel  6    8 .60 0.75  7 4
nissan.micra                1010 2.430 .290   59  110  6200  9.2   46 fwd fuel  6 13.5 .33 1.05 12 4
nissan.patrol               2250 2.400 .390  118  380  4200 10.8   44 rwd fuel  6   10 .45 0.88  9 4
nissan.patrol_2021          2800 3.075 .405  298  560  6200 12.5   58 awd fuel  7   15 .36 0.92 10 4
seat.leon                   1340 2.578 .316  147  280  6500 10.7   63 fwd fuel  6   15 .32 1.25 12 4
tesla.cybertruck            3100 3.635 .432  447  930 13000 13.3   50 awd volt  1   15 .34 0.95 10 4
tesla.model3                1847 2.875 .335  258  493 17900 11.6 64.7 awd volt  1   15 .23 1.00 12 4
toyota.prius                1420 2.700 .316  100  300  6000 10.4   50 fwd fuel  4   15 .25 1.00 12 4
vespa.zx125                  185 1.280 .220    7   10  8500    4   25 rwd fuel  1   15 .70 0.85 12 2
volkswagen.t2               1230 2.400 .316   37  106  4600 11.3   31 rwd fuel  4  7.5 .45 0.85 12 4
volkswagen.t2_2021          1290 2.400 .316   51  140  4800 11.3   36 rwd fuel  4    9 .42 0.90 12 4
yamaha.yzf                   270 1.395 .310   87   62 15500  6.4   72 rwd fuel  6   30 .60 1.00 12 2
"""

_AXLES = {"fwd": "front", "rwd": "rear", "awd": "all"}


def _lines(table: str) -> list[list[str]]:
    return [line.split() for line in table.strip().splitlines()[1:]]


def _design(row: list[str], size: tuple[float, float, float]) -> Design:
    mass, wheelbase, radius, kilowatt, torque, rpm, circle, speed = map(float, row[1:9])
    return Design(
        size=size,
        mass=mass,
        wheelbase=wheelbase,
        radius=radius,
        power=1000.0 * kilowatt,
        torque=torque,
        max_rpm=rpm,
        turning_circle=circle,
        top_speed=speed,
        drive=_AXLES[row[9]],
        electric=row[10] == "volt",
        gears=int(row[11]),
        first_gear=float(row[12]),
        drag=float(row[13]),
        grip=float(row[14]),
        stiffness=float(row[15]),
        wheels=int(row[16]),
    )


def _kind(body: list[str], design: list[str]) -> VehicleKind:
    length, width, height, x, z = map(float, body[6:])
    return VehicleKind(
        name=body[0],
        base_type=body[1],
        special_type="" if body[2] == "-" else body[2],
        generation=int(body[3]),
        lights=body[4] == "yes",
        doors=body[5] == "yes",
        centre=(x, z),
        design=_design(design, (length, width, height)),
    )


VEHICLES: tuple[VehicleKind, ...] = tuple(
    _kind(body, design) for body, design in zip(_lines(_BODIES), _lines(_DESIGNS), strict=True)
)
