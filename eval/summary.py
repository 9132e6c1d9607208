"""The figures of one run, from its episodes alone. VOID episodes are counted, never averaged."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import duckdb

from eval.nines import Interval, bernoulli_sequence, clopper_pearson, garwood, nines
from eval.store import episodes, manifest


@dataclass(frozen=True, slots=True)
class Summary:
    """What `ninefold eval report` says."""

    manifest: dict[str, object]
    episodes: int  # rows as written, doubles included
    unique_episodes: int
    void: int
    failures: int
    success_rate: float | None
    success_interval: Interval | None
    nines: Interval | None
    scores: dict[str, float]
    infractions: dict[str, int]
    disengagements: dict[str, int]  # by cause
    disengagements_per_km: Interval | None
    outcomes: dict[str, int]
    distance_km: float
    sim_hours: float
    comfort_si: float | None
    table_sha256: str


def counts(connection: duckdb.DuckDBPyConnection, sql: str) -> dict[str, int]:
    """The rows (text, count) of a query."""
    return {str(name): int(number) for name, number in connection.execute(sql).fetchall()}


def digest(connection: duckdb.DuckDBPyConnection) -> str:
    """sha256 over what the episodes came to, in key order, without anything wall time touches."""
    sha = hashlib.sha256()
    rows = connection.execute(
        "select key, outcome, detail, route_completion, distance_m, sim_seconds, state_hash"
        " from episodes order by key"
    )
    while chunk := rows.fetchmany(10_000):
        for values in chunk:
            sha.update(json.dumps(values).encode())
    return sha.hexdigest()


def summarise(folder: Path) -> Summary:
    """Read and sum up a run's folder.

    The interval is the exact Clopper-Pearson one when the run holds just the number of episodes
    it set out to do, and the peek-safe one when it is looked at on the way.

    Raises:
        UserError: the folder holds no run.
    """
    plan = manifest(folder)
    db = episodes(folder)
    total, unique, void, failures, kilometres, hours, comfort = db.execute(
        "select (select count(*) from raw), count(*), count(*) filter (outcome = 'VOID'),"
        " count(*) filter (outcome not in ('SUCCESS', 'VOID')),"
        " coalesce(sum(distance_m) / 1000, 0), coalesce(sum(sim_seconds) / 3600, 0),"
        " avg(comfort) filter (outcome <> 'VOID') from episodes"
    ).fetchall()[0]
    valid = unique - void
    interval = None
    if valid:
        complete = void == 0 and unique == plan.get("episodes")
        method = clopper_pearson if complete else bernoulli_sequence
        interval = method(failures, valid)
    scores = db.execute(
        "select name, avg(value) from (select unnest(map_keys(scores)) as name,"
        " unnest(map_values(scores)) as value from episodes where outcome <> 'VOID')"
        " group by name order by name"
    ).fetchall()
    causes = counts(
        db,
        "select d.cause, count(*) from (select unnest(disengagements) as d from episodes)"
        " group by 1 order by 2 desc, 1",
    )
    return Summary(
        manifest=plan,
        episodes=total,
        unique_episodes=unique,
        void=void,
        failures=failures,
        success_rate=None if interval is None else 1.0 - failures / valid,
        success_interval=None
        if interval is None
        else Interval(
            1.0 - failures / valid, 1.0 - interval.high, 1.0 - interval.low, interval.kind
        ),
        nines=None if interval is None else nines(interval),
        scores={str(name): float(value) for name, value in scores},
        infractions=counts(
            db,
            "select i.kind, count(*) from (select unnest(infractions) as i from episodes)"
            " group by 1 order by 2 desc, 1",
        ),
        disengagements=causes,
        disengagements_per_km=garwood(sum(causes.values()), kilometres) if kilometres else None,
        outcomes=counts(db, "select outcome, count(*) from episodes group by 1 order by 2 desc, 1"),
        distance_km=kilometres,
        sim_hours=hours,
        comfort_si=comfort,
        table_sha256=digest(db),
    )


def finite(value: object) -> object:
    """JSON has no infinity: an open end is null."""
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return None
    if isinstance(value, dict):
        return {key: finite(inner) for key, inner in value.items()}
    return value


def as_json(summary: Summary) -> str:
    """The summary as `eval report --json` writes it."""
    return json.dumps(finite(asdict(summary)), indent=1)
