"""Suites, executors, statistics and reports: how reliable the car is, in nines."""
