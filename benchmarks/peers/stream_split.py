"""PyTorch step by step, real and imaginary parts apart: what one writes without complex numbers."""

from __future__ import annotations

from stream_split_step import begin
from stream_torch import serve_steps

serve_steps("torch eager, parts", begin)
