"""The report of a run as one page for browsers: self-contained, offline, aggregated first and in detail on demand.

`page` puts it together; each other module makes the data of one panel, plain and bounded; the scripts beside them draw.
"""
