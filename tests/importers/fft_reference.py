"""A network as PyTorch runs it in parallel: convolutions by FFT, in float32."""

from __future__ import annotations

import numpy as np

from tests.importers.official import Tensors
from tests.importers.passes import Array


def convolved_by_fft(tensors: Tensors, kind: str, x: Array) -> list[Array]:
    """Return the spikes of a network with a norm behind each block, as PyTorch computes them in parallel."""
    import torch

    p = {key: torch.tensor(values) for key, values in tensors.items()}
    n_tokens, fired = x.shape[1], []
    stream = torch.tensor(x[:, :, None], dtype=torch.float32) @ p["encoder.weight"].T + p["encoder.bias"]
    for layer in range(2):
        q = {key.removeprefix(f"s4_layers.{layer}."): values for key, values in p.items()}
        poles = torch.complex(-q["kernel.log_A_real"].exp(), q["kernel.A_imag"])
        steps = q["kernel.log_dt"].exp()[:, None] * poles
        gains = torch.view_as_complex(q["kernel.C"]) * (steps.exp() - 1) / poles
        powers = (steps[:, :, None] * torch.arange(n_tokens)).exp()
        kernel = 2 * torch.einsum("hn,hnl->hl", gains, powers).real
        u = stream.transpose(1, 2)
        spectrum = torch.fft.rfft(u, n=2 * n_tokens) * torch.fft.rfft(kernel, n=2 * n_tokens)
        y = torch.fft.irfft(spectrum, n=2 * n_tokens)[..., :n_tokens] + u * q["D"][:, None]
        spikes = torch.zeros_like(y)
        if kind == "binary":
            spikes = (y >= 0).float()
        else:
            current, membrane = y / q["ln_vth"].exp(), torch.zeros(y.shape[:2])
            for token in range(n_tokens):
                membrane = 0.125 * membrane + current[..., token]
                spikes[..., token] = (membrane >= 1).float()
                membrane = membrane * (1 - spikes[..., token])
        fired.append(spikes.transpose(1, 2).numpy().astype(np.float64))
        mixed = torch.nn.functional.conv1d(spikes, q["output_linear.0.weight"], q["output_linear.0.bias"])
        stream = stream + torch.nn.functional.glu(mixed, dim=1).transpose(1, 2)
        stream = torch.nn.functional.layer_norm(stream, (64,), p[f"norms.{layer}.weight"], p[f"norms.{layer}.bias"])
    return fired
