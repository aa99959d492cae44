"""References as files for other programs: tables of text, posteriordb's layout, NetCDF."""
