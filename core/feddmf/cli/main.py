"""Entry point of `feddmf`: finds the noun, loads its code alone, turns errors into exit codes."""

from __future__ import annotations

import itertools
import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points, version
from typing import Annotated, Any

import typer

from feddmf.cli.output import OutputFormat, print_error, say
from feddmf.cli.streams import abandon_stdout, leave, prepare_process
from feddmf.errors import FedDMFError, InputError, LocalResourceError

__all__ = ["COMMANDS", "main"]

# Help is listed here and not read from the modules: `feddmf --help` must not load torch or gRPC.
COMMANDS = {
    "coordinator": "Run the neutral side: authority, enrolment, server.",
    "party": "Run a company's node: enrolment, training, policy.",
    "doctor": "What is wrong with a folder, its machine and the way to the other end, and what to do.",
    "catalog": "The shared item catalogue: publish, accept, look.",
    "run": "Training runs: submit, watch, stop.",
    "attributes": "What a party offers to its peers, and what peers offer.",
    "audit": "What left and what came, and the proof of it.",
    "query": "Predict attributes of your own users.",
    "audiences": "Audiences saved under a name, and files of their users.",
    "quality": "How far to trust predictions, and why.",
    "privacy": "What a run would tell of single users; what private runs have cost.",
    "api": "Serve a company's predictions to its own programs; who asked for what.",
    "token": "Who may ask the query API, as what, until when.",
    "data": "Public data sets for the demo and the benchmarks.",
    "simulate": "Run a run file with all its parties in one process.",
    "evaluate": "Hold protocols and baselines against each other on one data set.",
    "reproduce": "Run the published experiments again.",
    "bench": "Measure speed and memory against baselines.",
    "demo": "The main job on real data, start to end.",
}
# What typer makes of Ctrl-C.
INTERRUPTED = 130


def main() -> None:
    """Run the command line and leave with the exit code of what happened."""
    prepare_process()
    leave(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command; return its exit code (0 ok, and those listed in `feddmf.errors`)."""
    output = OutputFormat.JSON if _asks_for_json(arguments) else OutputFormat.TEXT
    try:
        result = _root(arguments)(list(arguments), standalone_mode=False, prog_name="feddmf")
        sys.stdout.flush()
    except BrokenPipeError:
        return _unread()
    except SystemExit as error:
        # How typer passes on that the reader has gone.
        if isinstance(error.__context__, BrokenPipeError):
            return _unread()
        raise
    except Exception as error:  # noqa: BLE001  (the last net: a defect becomes a report, not a traceback)
        return _report(_explain(error), output)
    if result == INTERRUPTED:
        say("interrupted")
    return result if isinstance(result, int) else 0


def _unread() -> int:
    """Nobody is left to be told anything (`| head`), and nothing is wrong."""
    abandon_stdout()
    return 0


def _report(error: FedDMFError, output: OutputFormat) -> int:
    # Without a verb the help has been shown; nothing is left to be said.
    if error.message:
        try:
            print_error(error, output)
        except OSError:
            # The error's envelope cannot be written to stdout either.
            abandon_stdout()
            print_error(error, OutputFormat.TEXT)
    return error.exit_code


def _asks_for_json(arguments: Sequence[str]) -> bool:
    return "--format=json" in arguments or ("--format", "json") in itertools.pairwise(arguments)


def _root(arguments: Sequence[str]) -> typer.Typer:
    """Build the root command; only the noun that is asked for brings its code."""
    root = typer.Typer(
        help="Predict attributes of your own customers from what other companies have observed.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    root.callback()(_root_options)
    asked = next((argument for argument in arguments if not argument.startswith("-")), "")
    for name, text in COMMANDS.items():
        loaded = _load(name, arguments) if name == asked else None
        if isinstance(loaded, typer.Typer):
            root.add_typer(loaded, name=name, help=text)
        else:
            root.command(name, help=None if loaded else text)(loaded or _nothing)
    return root


def _version(asked: bool) -> None:
    if asked:
        sys.stdout.write(f"feddmf {version('feddmf')}\n")
        raise typer.Exit


def _root_options(
    version_: Annotated[
        bool, typer.Option("--version", help="Show the version.", is_eager=True, callback=_version)
    ] = False,
) -> None:
    """Declare the options of the root itself."""


def _load(noun: str, arguments: Sequence[str]) -> Any:
    """Load `noun` from every side that has it; where both have a verb, the folder's side wins.

    A side whose libraries are not installed has none, unless it is the only one.
    """
    sides = {point.name.partition(".")[0]: point for point in entry_points(group="feddmf.commands")
             if point.name.partition(".")[2] == noun}  # fmt: skip
    loaded, lacking, own = {}, {}, _side(arguments)
    for side, point in sides.items():
        try:
            loaded[side] = _load_point(noun, point)
        except InputError as error:
            lacking[side] = error
    apps = [loaded[side] for side in sorted(loaded, key=lambda side: side == own)]
    is_whole = not all(isinstance(app, typer.Typer) for app in apps)
    if lacking and (not apps or (is_whole and own in lacking)):
        raise lacking.get(own) or next(iter(lacking.values()))
    if is_whole:
        return apps[-1]
    merged = typer.Typer(no_args_is_help=True, add_completion=False)
    verbs = {command.name: command for app in apps for command in app.registered_commands}
    merged.registered_commands.extend(verbs.values())
    merged.registered_groups.extend(group for app in apps for group in app.registered_groups)
    return merged


def _side(arguments: Sequence[str]) -> str:
    """Tell whose folder a command is about: that of `--folder`, else the current one."""
    named = [after for before, after in itertools.pairwise(arguments) if before == "--folder"]
    named += [argument.partition("=")[2] for argument in arguments if argument.startswith("--folder=")]
    folder = named[-1] if named else ""
    # os.path, and not pathlib, calls a name that is too long just absent.
    return "coordinator" if os.path.exists(os.path.join(folder, "coordinator.toml")) else "party"  # noqa: PTH110, PTH118


def _load_point(noun: str, point: EntryPoint) -> Any:
    try:
        return point.load()
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("feddmf"):
            raise
        extra = point.name.partition(".")[0]
        raise InputError(
            f"this installation lacks {error.name}, which `feddmf {noun}` needs",
            hint=f"pip install 'feddmf[{extra}]'",
        ) from error


def _nothing() -> None:
    """Stand in for a command whose code this call does not need."""


def _explain(error: Exception) -> FedDMFError:
    """Return `error` as one of ours."""
    if isinstance(error, FedDMFError):
        return error
    if isinstance(error, typer.TyperException):
        return _usage_error(error)
    if isinstance(error, OSError):
        return _system_error(error)
    if isinstance(error, MemoryError):
        return LocalResourceError("this machine has too little memory", hint="ask for less at once")
    return _defect(error)


def _usage_error(error: typer.TyperException) -> InputError:
    context = getattr(error, "ctx", None)
    command = "feddmf" if context is None else context.command_path
    message = error.format_message().replace("Value error, ", "")
    return InputError(message.removesuffix("."), hint=f"see what it takes: {command} --help")


def _system_error(error: OSError) -> LocalResourceError:
    reason = os.strerror(error.errno) if error.errno else str(error)
    what = "the answer" if error.filename is None else os.fsdecode(error.filename)
    return LocalResourceError(
        f"cannot read or write {what}: {reason}", hint="check the path, its permissions and the disk"
    )


def _defect(error: Exception) -> FedDMFError:
    handle, name = tempfile.mkstemp(prefix="feddmf-defect-", suffix=".txt")
    with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as report:
        traceback.print_exception(error, file=report)
    return FedDMFError(
        f"internal error: {type(error).__name__}: {error}",
        hint=f"this is a defect of ours; please send us {name}",
    )
