"""The late worker, on this project, pg-boss and procrastinate."""
