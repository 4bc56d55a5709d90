"""Formats reports for people and programs; computes nothing."""
