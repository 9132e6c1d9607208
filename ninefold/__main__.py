"""The `ninefold` command.

One module per subcommand; only the one asked for is imported. Each has
``add_arguments(parser)`` and ``run(options) -> int``.
"""

from __future__ import annotations

import argparse
import importlib
import sys

from common.errors import UserError

COMMANDS = {
    "drive": "drive one closed-loop episode",
    "serve": "start the embedded CARLA server",
    "teleop": "vehicles and a browser console to supervise and drive them",
    "eval": "measure reliability: run suites, report, compare",
    "collect": "record training data from the embedded simulator",
    "train": "train the perception network",
    "export": "export a trained network to ONNX",
    "score": "perception figures on held-out data",
    "look": "a town in pictures: a contact sheet and a view from above",
    "bench": "the speed figures",
    "doctor": "what this machine has, what is missing, and what mends it",
}


def parser_for(argv: list[str]) -> argparse.ArgumentParser:
    """The parser, with the arguments of the one subcommand that argv names."""
    parser = argparse.ArgumentParser(prog="ninefold", description=__doc__.splitlines()[0])
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, text in COMMANDS.items():
        subparser = subparsers.add_parser(name, help=text, description=text)
        if name in argv[:1]:
            module = importlib.import_module(f"ninefold.{name}")
            module.add_arguments(subparser)
            subparser.set_defaults(run=module.run)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run one subcommand; the user's mistakes end with 2, Ctrl-C with 130."""
    argv = sys.argv[1:] if argv is None else argv
    try:
        options = parser_for(argv).parse_args(argv)
        code: int = options.run(options)
    except UserError as error:
        print(f"ninefold: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return code


if __name__ == "__main__":
    sys.exit(main())
