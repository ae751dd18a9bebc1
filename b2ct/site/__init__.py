"""What a site is: the typed model, its YAML loader, the release catalogue and secrets."""
