"""The site after its first day: what runs there is replaced by what is newer."""
