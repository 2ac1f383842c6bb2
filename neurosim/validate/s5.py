"""The sparse S5 network that denoised speech on Loihi 2, with random weights of its shape.

257 bins of a spectrum enter per token and as many leave; three layers, gated (`half_glu1`) and rectified, a residual
stream, norms folded; nine of ten weights are pruned. A layer has 96 channels and 64 complex modes (128 states in
conjugate pairs) at dim_scale 0.5, which the repository's example has, or twice that at 1.

    modes: h = a h + B u;   y = relu(2 Re(C h) + D u);   stream = relu(y sigmoid(W y) + u)

The published network also rectifies what the modes send; here all of them send.

Source: IntelLabs/SparseRNNs b623aeab, recipes/ndns.json with dim_scale 0.5; Pierro et al., arXiv 2502.01330.
"""

from __future__ import annotations

import numpy as np

from neurosim.graph import FloatArray, Network, OneToOneWeights, Population, Projection, SparseWeights

N_BINS, WIDTH, N_MODES, N_LAYERS, DENSITY = 257, 192, 128, 3, 0.1


class _Builder:
    def __init__(self, width: int, n_modes: int, seed: int) -> None:
        self.width, self.n_modes = width, n_modes
        self.random = np.random.default_rng(seed)
        self.populations: list[Population] = []
        self.projections: list[Projection] = []

    def add(self, name: str, model: str, size: int, parameters: dict[str, FloatArray] | None = None) -> str:
        attributes = {"payload": "graded"} if model == "input" else {}
        self.populations.append(Population(name, model, size, parameters or {}, attributes))
        return name

    def pruned(self, source: str, target: str, shape: tuple[int, int], port: str = "input", output: str = "") -> None:
        """Join all to all, and keep a tenth."""
        kept = self.random.random(shape) < DENSITY
        pre, post = np.nonzero(kept)
        values = self.random.normal(size=len(pre)) / np.sqrt(max(DENSITY * shape[0], 1.0))
        pointer = np.concatenate([[0], np.cumsum(kept.sum(axis=1))]).astype(np.int64)
        weights = SparseWeights(pointer, post, values, shape[1])
        self.projections.append(Projection(source, target, weights, port, output))

    def same(self, source: str, target: str, port: str = "input") -> None:
        """Join neuron i to neuron i."""
        self.projections.append(Projection(source, target, OneToOneWeights(np.ones(self.width)), port))

    def layer(self, number: int, stream: str) -> str:
        """Add a layer to `stream` and return the stream behind it."""
        angle = self.random.uniform(0, np.pi, self.n_modes)
        pole = np.exp(-np.exp(self.random.uniform(np.log(1e-3), np.log(1e-1), self.n_modes)) + 1j * angle)
        modes = self.add(f"layer{number}.modes", "mode", self.n_modes, {"a_real": pole.real, "a_imag": pole.imag})
        y = self.add(f"layer{number}.y", "relu", self.width)
        gated = self.add(f"layer{number}.gate", "glu", self.width)
        following = self.add(f"layer{number}.stream", "relu", self.width)
        for part in ("real", "imag"):
            self.pruned(stream, modes, (self.width, self.n_modes), port=part)
            self.pruned(modes, y, (self.n_modes, self.width), output=f"graded_{part}")
        self.same(stream, y)
        self.same(y, gated, "value")
        self.pruned(y, gated, (self.width, self.width), port="gate")
        self.same(stream, gated, "skip")
        self.same(gated, following)
        return following


def network_of(dim_scale: float = 0.5, seed: int = 0) -> Network:
    """Return the network; poles that decay within 10 to 1000 tokens."""
    build = _Builder(round(WIDTH * dim_scale), round(N_MODES * dim_scale), seed)
    build.add("spectrum", "input", N_BINS)
    stream = build.add("encoder", "relu", build.width)
    build.pruned("spectrum", stream, (N_BINS, build.width))
    for number in range(N_LAYERS):
        stream = build.layer(number, stream)
    build.add("decoder", "linear", N_BINS)
    build.pruned(stream, "decoder", (build.width, N_BINS))
    return Network("s5_ndns", tuple(build.populations), tuple(build.projections), ("decoder",))


def spectra(n_tokens: int) -> FloatArray:
    """Return random magnitudes [token, bin]."""
    return np.abs(np.random.default_rng(1).normal(size=(n_tokens, N_BINS)))
