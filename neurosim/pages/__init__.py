"""Pages that open in a browser, each one self-contained file: no server, no network. See `shell`."""
