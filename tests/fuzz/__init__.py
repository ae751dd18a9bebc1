"""Every parser of bytes that others write, fed with what is nearly right."""
