"""The report: one HTML file that opens anywhere, and the way back to each failure."""
