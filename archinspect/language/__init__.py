"""The spec language: from the text of a YAML file to a graph."""
