"""Recorders that need no file."""

from __future__ import annotations

from neurosim.traces.schema import Recorder, SampleResult


class MemoryRecorder:
    """Keeps every sample, in order; for tests and for short runs in a notebook.

    Memory grows with the run: `TraceWriter` does not.
    """

    def __init__(self) -> None:
        self.results: list[SampleResult] = []

    def write(self, result: SampleResult) -> None:
        """Keep one sample."""
        self.results.append(result)


class TeeRecorder:
    """Hands each sample to several recorders, in the order given.

    An error of one recorder ends the run before the later ones see the sample.
    """

    def __init__(self, *recorders: Recorder) -> None:
        self.recorders = recorders

    def write(self, result: SampleResult) -> None:
        """Hand one sample on."""
        for recorder in self.recorders:
            recorder.write(result)
