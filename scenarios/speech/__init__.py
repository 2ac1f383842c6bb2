"""Speakers told apart by two Japanese vowels, read frame by frame by three small spiking state-space networks."""
