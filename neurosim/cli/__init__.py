"""The command line. `main` holds the program, `commands` one file per command."""
