"""Tables shipped with the text layer; `generate` rebuilds them from their public sources."""
