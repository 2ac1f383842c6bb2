"""MNIST digits read pixel by pixel, 784 tokens, by two small spiking state-space networks."""
