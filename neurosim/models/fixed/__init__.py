"""Neuron models in integers: bit for bit what public emulators and models of chips compute (docs/fixed_point.md)."""
