"""What files mean: competition bundles, program metadata, archives and scores."""
