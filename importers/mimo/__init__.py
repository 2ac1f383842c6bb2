"""State spaces that mix channels: S5 and Event-SSM parameter trees."""
