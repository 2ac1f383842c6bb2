"""One file per command. Whatever takes long to load is imported inside the functions."""
