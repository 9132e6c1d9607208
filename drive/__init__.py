"""The main path: where perception, planning and sim meet."""
