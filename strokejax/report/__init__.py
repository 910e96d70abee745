"""Pages that show a run: charts, drawings, contact sheets."""
