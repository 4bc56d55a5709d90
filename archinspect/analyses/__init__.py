"""What is asked of a graph, one question a file."""
