"""A project's specs: which files they are, what its configuration says, and all of them checked."""
