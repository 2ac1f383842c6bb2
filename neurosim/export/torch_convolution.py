"""A convolution as PyTorch computes it, between populations whose neurons stand in any order."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from neurosim.graph import ConvolutionWeights


class Convolution:
    """The shape of one convolution. Sums of integers held in float64 are exact whatever their order."""

    def __init__(self, weights: ConvolutionWeights) -> None:
        self.weights = weights
        # Axes of the population from slowest to fastest, as places in "cyx".
        self.order = tuple("cyx".index(axis) for axis in weights.order)

    def __call__(self, integers: Tensor, payloads: Tensor) -> Tensor:
        """Return the charges [sample, token, post] of payloads [sample, token, pre]."""
        weights, order = self.weights, self.order
        n_samples, n_tokens, _ = payloads.shape
        image = payloads.reshape(n_samples * n_tokens, *(weights.input_shape[axis] for axis in order))
        image = image.permute(0, *(1 + order.index(axis) for axis in range(3)))
        image = functional.pad(image, self._padding())
        found = functional.conv2d(image, integers, None, weights.stride, 0, weights.dilation, weights.groups)
        _, height, width = weights.output_shape
        found = found[:, :, :height, :width].permute(0, *(1 + axis for axis in order))
        return found.reshape(n_samples, n_tokens, -1)

    def _padding(self) -> tuple[int, int, int, int]:
        """Return left, right, top, bottom: as much behind the image as the last place looks beyond it."""
        behind = [max(0, int(self.weights.source_places(axis).max()) - self.weights.input_shape[1 + axis] + 1)
                  for axis in (0, 1)]
        top, left = self.weights.padding
        return left, behind[1], top, behind[0]
