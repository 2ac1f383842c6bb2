"""Rewrites of a network into one that suits a chip: one file per rewrite, put together by `mapping.rewrite`."""
