"""A tree of files in, a disk that boots under BIOS and UEFI out: no loop device, mount or VM."""
