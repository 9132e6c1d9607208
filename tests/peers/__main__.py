"""Run other people's CARLA programs, unmodified, against the embedded server; print a table.

python -m tests.peers --carla CHECKOUT [--carla-before CHECKOUT] --maps FOLDER
"""

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.peers import programs
from tests.peers.programs import Program
from tests.peers.runner import run

NETWORK = 'ip link set lo up && ip route add default dev lo && exec "$@"'
APART = "NINEFOLD_PEERS_APART"  # set once this process has a network of its own


def network_of_its_own() -> None:
    """Begin again where every port is free: the programs have theirs written into them."""
    command = ["unshare", "--map-root-user", "--net", "sh", "-c", NETWORK]
    command += ["sh", sys.executable, "-m", "tests.peers", *sys.argv[1:]]
    possible = subprocess.run([*command[:3], "true"], capture_output=True, check=False)
    if APART not in os.environ and possible.returncode == 0:
        os.environ[APART] = "1"
        os.execvp(command[0], command)


def tell(line: str) -> None:
    """Print at once, also into a pipe."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def wanted(options: argparse.Namespace) -> list[Program]:
    """The programs of the checkouts and packages given."""
    packages = []
    if options.packages is not None:
        roar_py = options.roar_py and options.roar_py.resolve()
        packages = programs.of_packages(options.packages, roar_py)
    return [*of_checkouts(options), *packages]


def of_checkouts(options: argparse.Namespace) -> list[Program]:
    """The programs of CARLA, scenario_runner and leaderboard."""
    if options.carla is None:
        return []
    carla = options.carla.resolve()
    found = programs.of_carla(carla, options.carla_before and options.carla_before.resolve())
    if options.scenario_runner is not None:
        agents = carla / "PythonAPI/carla"
        runner = options.scenario_runner.resolve()
        found += programs.of_scenario_runner(runner, agents)
        if options.leaderboard is not None:
            found += programs.of_leaderboard(options.leaderboard.resolve(), runner, agents)
    return found


def main() -> int:
    """1 where a program fails."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--carla", type=Path, metavar="CHECKOUT")
    parser.add_argument(
        "--carla-before", type=Path, metavar="CHECKOUT", help="for files newer than the client"
    )
    parser.add_argument("--scenario-runner", type=Path, metavar="CHECKOUT")
    parser.add_argument("--leaderboard", type=Path, metavar="CHECKOUT")
    parser.add_argument("--packages", metavar="INTERPRETER", help="one with PyPI's packages")
    parser.add_argument("--roar-py", type=Path, metavar="CHECKOUT", help="its tests, there")
    parser.add_argument("--maps", type=Path, metavar="FOLDER", help="OpenDRIVE files by name")
    parser.add_argument("--python", default=sys.executable, help="interpreter of the programs")
    parser.add_argument(
        "--only", nargs="+", default=[""], metavar="TEXT", help="programs whose name has one"
    )
    parser.add_argument("--logs", type=Path, metavar="FOLDER", help="keep what programs print")
    options = parser.parse_args()
    chosen = [one for one in wanted(options) if any(text in one.name for text in options.only)]
    if not chosen:
        parser.error("no program: give --carla CHECKOUT or --packages INTERPRETER")
    tell("| program | verdict | s |\n|---|---|---|")
    failed = 0
    with laid_out(options.maps) as maps:
        for program in chosen:
            verdict = run(program, options.python, maps)
            tell(f"| {program.name} | {verdict.text} | {verdict.seconds:.0f} |")
            failed += verdict.why is not None and verdict.lacks is None
            if options.logs:
                options.logs.mkdir(parents=True, exist_ok=True)
                name = program.name.replace("/", "-").replace(" ", "_")
                (options.logs / f"{name}.log").write_text(verdict.output)
    return min(failed, 1)


@contextlib.contextmanager
def laid_out(maps: Path | None) -> Iterator[Path]:
    """A folder of the maps, each also by the name that CARLA gives its layered edition."""
    with tempfile.TemporaryDirectory() as folder:
        for path in sorted(maps.resolve().glob("*.xodr")) if maps else []:
            for name in {path.name, f"{path.stem.removesuffix('_Opt')}_Opt.xodr"}:
                with contextlib.suppress(FileExistsError):
                    Path(folder, name).symlink_to(path)
        yield Path(folder)


if __name__ == "__main__":
    network_of_its_own()
    sys.exit(main())
