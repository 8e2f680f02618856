"""What platform and worker say to each other."""
