"""The doors to the outside: processes, HTTP, files, errors, progress. Uses no other room."""
