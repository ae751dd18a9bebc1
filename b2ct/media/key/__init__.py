"""The USB key: an image with one FAT32 partition that boots everywhere and is edited anywhere."""
