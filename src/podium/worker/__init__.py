"""The compute worker: claims jobs, stages files, runs steps in sandboxes and reports."""
