"""The neuron models: one file each, with its equation, its source and its compiled kernel."""
