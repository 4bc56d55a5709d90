"""Networks as other tools' programs and files."""
