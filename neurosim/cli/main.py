"""The program `neurosim`: its commands, its exit codes, its error messages.

Exit codes: 0 done, 1 the simulation failed, 2 bad input, 130 interrupted (Ctrl-C).
"""

from __future__ import annotations

import os
import shlex
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from neurosim.cli.commands import check, chips, map, report, run

EXIT_FAILED, EXIT_BAD_INPUT, EXIT_INTERRUPTED = 1, 2, 130
# What the user can mend by naming another file; any other OSError (disk full, I/O error) means a failed run.
_BAD_PATH = (FileNotFoundError, FileExistsError, IsADirectoryError, NotADirectoryError, PermissionError)


class Commands(TyperGroup):
    """The commands, with every error turned into one message and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the chosen command."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()      # here, so that a reader who went away is noticed here
            return result
        except BrokenPipeError:
            _close_stdout()
            raise typer.Exit(EXIT_FAILED) from None
        except KeyboardInterrupt:
            _say("interrupted")
            raise typer.Exit(EXIT_INTERRUPTED) from None
        except (typer.Exit, typer.Abort):
            raise
        except Exception as error:
            if hasattr(error, "format_message") or ctx.params.get("debug"):
                raise               # a fault of the command line itself, or the user wants the traceback
            _say(_message(error))
            raise typer.Exit(_exit_code(error)) from None


app = typer.Typer(name="neurosim", cls=Commands, no_args_is_help=True, rich_markup_mode=None, add_completion=False,
                  pretty_exceptions_enable=False, context_settings={"help_option_names": ["-h", "--help"]})


def _print_version(wanted: bool) -> None:
    if wanted:
        from neurosim import __version__

        print(f"neurosim {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.", is_eager=True,
                                          callback=_print_version)] = False,
    debug: Annotated[bool, typer.Option("--debug", envvar="NEUROSIM_DEBUG", help="Show tracebacks of errors.")] = False,
) -> None:
    """Run trained spiking networks on neuromorphic chips that need not exist."""


app.command("chips")(chips.chips)
app.command("check")(check.check)
app.command("map")(map.map_network)
app.command("run")(run.run)
app.command("report")(report.report)


def main(arguments: list[str] | None = None) -> None:
    """Run the program with `arguments`, by default those it was started with; end with SystemExit."""
    given = sys.argv[1:] if arguments is None else arguments
    app(given, prog_name="neurosim", obj=shlex.join(["neurosim", *given]))     # kept in traces


def _exit_code(error: Exception) -> int:
    if isinstance(error, _BAD_PATH):
        return EXIT_BAD_INPUT
    return int(getattr(error, "exit_code", EXIT_FAILED))


def _message(error: Exception) -> str:
    """Return what the user reads; errors raised on purpose say all themselves."""
    if hasattr(error, "exit_code"):
        return str(error)
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        return f"{place}{error.strerror or error}"
    if isinstance(error, MemoryError):
        return "out of memory\n  mend: give fewer samples (--samples) or fewer workers (--workers)"
    first_line = (str(error).splitlines() or [""])[0][:300]
    return (f"unexpected {type(error).__name__}: {first_line}\n"
            "  mend: this is a fault of neurosim; `neurosim --debug …` shows where, please report it")


def _say(message: str) -> None:
    print(f"neurosim: {message}", file=sys.stderr)


def _close_stdout() -> None:
    """Let what is still buffered go nowhere, so that the interpreter does not complain when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
