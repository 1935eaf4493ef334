"""The report of a speed study: the same page as every report, from times instead of run records."""
