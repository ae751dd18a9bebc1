"""Worker images: a definition in, a bootable QCOW2 with its manifest and signature out."""
