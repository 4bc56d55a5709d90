"""What knows no network: text, places, diagnostics, quantities, shapes, symbols."""
