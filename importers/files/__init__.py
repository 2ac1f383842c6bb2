"""Files of trained networks, read without believing them: tensors of several containers, and HDF5."""
