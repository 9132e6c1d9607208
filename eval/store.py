"""Episodes on disk: Parquet parts that no kill can tear, queried through DuckDB.

Each finished episode is one part, written beside its name and renamed, so that it is there whole
or not at all. Parts are merged now and then; a row counts once however often it was written.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from types import TracebackType

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from common.errors import UserError
from common.files import only_writer, read_json, write_atomically
from common.messages import EpisodeResult, Outcome

MERGE_ABOVE = 256  # parts; keeps listing and opening them cheap
EVENT = pa.struct([("kind", pa.string()), ("t", pa.float64()), ("cause", pa.string())])
SCHEMA = pa.schema(
    [
        ("key", pa.string()),
        ("town", pa.string()),
        ("route", pa.int32()),
        ("seed", pa.int64()),
        ("driver", pa.string()),
        ("scenario", pa.string()),
        ("weather", pa.string()),
        ("fault", pa.string()),
        ("weights", pa.string()),
        ("outcome", pa.string()),
        ("detail", pa.string()),
        ("route_completion", pa.float64()),
        ("distance_m", pa.float64()),
        ("sim_seconds", pa.float64()),
        ("wall_seconds", pa.float64()),
        ("comfort", pa.float64()),
        ("scores", pa.map_(pa.string(), pa.float64())),
        ("infractions", pa.list_(EVENT)),
        ("disengagements", pa.list_(EVENT)),
        ("state_hash", pa.string()),
        ("spec", pa.string()),
    ]
)


def row(result: EpisodeResult) -> dict[str, object]:
    """One episode as a row of SCHEMA."""
    spec = result.spec
    return {
        "key": spec.key(),
        "town": spec.town,
        "route": spec.route,
        "seed": spec.seed,
        "driver": spec.driver,
        "scenario": spec.scenario,
        "weather": spec.weather,
        "fault": spec.fault,
        "weights": spec.weights,
        "outcome": result.outcome.value,
        "detail": result.detail,
        "route_completion": result.route_completion,
        "distance_m": result.distance,
        "sim_seconds": result.duration,
        "wall_seconds": result.wall,
        "comfort": result.comfort,
        "scores": list(result.scores),
        "infractions": [{"kind": i.kind, "t": i.t, "cause": i.detail} for i in result.infractions],
        "disengagements": [
            {"kind": d.kind, "t": d.t, "cause": d.cause} for d in result.disengagements
        ],
        "state_hash": result.state_hash,
        "spec": json.dumps(asdict(spec), sort_keys=True),
    }


def table_bytes(table: pa.Table) -> bytes:
    """The table as a Parquet file."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    return bytes(sink.getvalue())


def outcomes_of(path: Path) -> dict[str, str]:
    """Key and outcome of the episodes in one part.

    Raises:
        UserError: the file is damaged.
    """
    try:
        rows = pq.read_table(path, columns=["key", "outcome"]).to_pylist()
        return {str(row["key"]): str(row["outcome"]) for row in rows}
    except (pa.ArrowException, KeyError) as error:
        raise UserError(
            f"expected episodes in {path}, got a damaged file; remove it,"
            " and `ninefold eval run` drives its episodes again"
        ) from error


class Store:
    """The only writer of one output folder: its manifest and its episodes."""

    def __init__(self, folder: Path, manifest: dict[str, object]) -> None:
        """Open `folder` for writing, or go on in it.

        Raises:
            UserError: it is no folder, cannot be written, is being written by another run, or
                holds a run of other settings.
        """
        self.parts = folder / "parts"
        self._lock = only_writer(folder)
        self._lock.__enter__()
        self.parts.mkdir(exist_ok=True)
        self._claim(folder / "run.json", manifest)

    def _claim(self, path: Path, manifest: dict[str, object]) -> None:
        if path.exists():
            held = read_json(path)
            differing = sorted(key for key in held | manifest if held.get(key) != manifest.get(key))
            if differing:
                what = ", ".join(
                    f"{key} {held.get(key)!r} there, {manifest.get(key)!r} asked"
                    for key in differing
                )
                raise UserError(f"{path.parent} holds another run ({what}); choose another --out")
        else:
            write_atomically(path, json.dumps(manifest, indent=1, sort_keys=True).encode())

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._lock.__exit__(kind, error, traceback)

    def keys(self) -> frozenset[str]:
        """Keys of the episodes that are done: the void ones are not, since the rig failed them.

        Also clears what a killed run left half written.
        """
        for torn in self.parts.glob(".*"):
            torn.unlink()
        found = [outcomes_of(path) for path in self.parts.glob("*.parquet")]
        return frozenset(key for part in found for key in part if part[key] != Outcome.VOID.value)

    def add(self, result: EpisodeResult) -> None:
        """Keep one finished episode; adding it again changes nothing."""
        table = pa.Table.from_pylist([row(result)], schema=SCHEMA)
        write_atomically(self.parts / f"{result.spec.key()[:32]}.parquet", table_bytes(table))
        self._merge()

    def _merge(self) -> None:
        single = sorted(path for path in self.parts.glob("*.parquet") if path.name[0] != "m")
        if len(single) <= MERGE_ABOVE:
            return
        table = pa.concat_tables([pq.read_table(path, schema=SCHEMA) for path in single])
        # The merged part is there before its sources go: a kill between leaves doubles, no gap.
        write_atomically(self.parts / f"m-{single[0].stem}.parquet", table_bytes(table))
        for path in single:
            path.unlink()


def episodes(folder: Path) -> duckdb.DuckDBPyConnection:
    """A connection with the views `episodes` (each key once) and `raw` (as written).

    Raises:
        UserError: the folder holds no finished episode, or a damaged file.
    """
    parts = list((folder / "parts").glob("*.parquet"))
    for part in parts:
        outcomes_of(part)
    if not parts:
        raise UserError(
            f"expected a run's folder with finished episodes, got {folder};"
            " make one with: ninefold eval run --suite smoke --out DIR"
        )
    connection = duckdb.connect(config={"threads": 1})  # sums in one order, the same every time
    pattern = str(folder / "parts" / "*.parquet").replace("'", "''")
    connection.execute(
        f"create view raw as select * from read_parquet('{pattern}', union_by_name=true)"
    )
    connection.execute(
        "create view episodes as select * from raw"
        " qualify row_number() over (partition by key order by outcome = 'VOID', wall_seconds) = 1"
    )
    return connection


def manifest(folder: Path) -> dict[str, object]:
    """What the run in `folder` set out to do."""
    path = folder / "run.json"
    if not path.exists():
        raise UserError(f"expected a run's folder with a run.json, got {folder}")
    return read_json(path)


def paired_outcomes(first: Path, second: Path) -> list[tuple[str, str]]:
    """Outcomes of the episodes both runs drove: same town, route, seed, scenario, weather, fault.

    Raises:
        UserError: a folder holds no run, or the two share no valid episode.
    """
    same = ("town", "route", "seed", "scenario", "weather", "fault")
    sql = f"select {', '.join(same)}, outcome from episodes where outcome <> 'VOID'"
    tables = []
    for folder in (first, second):
        rows = episodes(folder).execute(sql).fetchall()
        tables.append({row[:-1]: str(row[-1]) for row in rows})
    shared = sorted(tables[0].keys() & tables[1].keys(), key=repr)
    if not shared:
        raise UserError(f"{first} and {second} share no episode; run both with one suite and seed")
    return [(tables[0][key], tables[1][key]) for key in shared]
