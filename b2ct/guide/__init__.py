"""Finding one's way: where a site is on the path from an empty folder to a cloud with jobs."""
