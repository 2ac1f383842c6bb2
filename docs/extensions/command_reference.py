"""The page of commands, made from the program itself: every command, argument and option with its help."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

PAGE = "reference/commands"


def markdown() -> str:
    """Return a section per command."""
    import typer

    from neurosim.cli.main import app

    program = typer.main.get_command(app)
    parts = ["## neurosim", str(program.help), *_parameters(program.params)]
    for name, command in program.commands.items():  # type: ignore[attr-defined]
        usage = " ".join(["neurosim", name, "[OPTIONS]", *(shown_name(each) for each in command.params
                                                           if each.param_type_name == "argument")])
        parts += [f"## neurosim {name}", str(command.help), f"```text\n{usage}\n```", *_parameters(command.params)]
    return "\n\n".join(parts)


def shown_name(parameter: Any) -> str:
    """Return an argument as a usage line shows it, or an option's names and what it takes.

    Optional arguments stand in brackets; those that may be repeated are followed by dots.
    """
    if parameter.param_type_name == "argument":
        name = str(parameter.metavar or parameter.name.upper()).strip("[].") + ("..." if parameter.nargs == -1 else "")
        return name if parameter.required else f"[{name}]"
    names = ", ".join([*parameter.opts, *parameter.secondary_opts])
    return names if parameter.is_flag else f"{names} {parameter.metavar or parameter.type.name.upper()}"


def _parameters(parameters: list[Any]) -> Iterator[str]:
    for each in parameters:
        default = each.default if isinstance(each.default, str | int | float) else None
        shown = "" if isinstance(default, bool) or default is None else f" Default: `{default}`."
        from_environment = f" Environment: `{each.envvar}`." if each.envvar else ""
        required = " Required." if each.required and each.param_type_name == "option" else ""
        yield f"`{shown_name(each)}`\n: {each.help}{required}{shown}{from_environment}"


def setup(app: Any) -> dict[str, Any]:
    """Put the sections behind what the page itself says."""

    def read(_app: Any, name: str, source: list[str]) -> None:
        if name == PAGE:
            source[0] += "\n" + markdown()

    app.connect("source-read", read)
    return {"parallel_read_safe": True}
