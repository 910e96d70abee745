"""Reports as HTML pages: charts, confusion matrices, embedding maps, drawings."""
